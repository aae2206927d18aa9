// Command gin protects the routes of a Gin engine, with scopes of the application's own.
//
//	go run ./gin
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func main() {
	store := memory.New() // a real application opens a database
	svc := sparekey.New(store, store, sparekey.Config{Bundles: bundles()})
	log.Print("serving on http://localhost:8081/posts")
	log.Fatal(http.ListenAndServe("localhost:8081", router(svc)))
}

func bundles() scope.Bundles {
	return scope.BuiltIn().With(
		scope.Named("posts:read", "Read posts"),
		scope.Named("posts:write", "Write and change posts").In("de", "Beiträge schreiben und ändern"),
	)
}

// router has a guard for each route. One for the whole engine would deny application passwords
// that have scopes of the application's own alone.
func router(svc *sparekey.Service) http.Handler {
	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/posts", wrap(guard.RequireScope("posts:read")), hello)
	e.POST("/posts", wrap(guard.RequireScope("posts:write")), hello)
	e.GET("/forgotten", wrap(guard.Require), hello)
	return e
}

// wrap makes Gin's middleware of that of net/http. The handlers that follow run only if it calls
// the next one.
func wrap(guard func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed, c.Request = true, r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

func hello(c *gin.Context) {
	id, _ := sparekey.FromContext(c.Request.Context())
	c.String(http.StatusOK, "%s\n", id.User.Login)
}
