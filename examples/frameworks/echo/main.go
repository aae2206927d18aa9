// Command echo protects the routes of an Echo server, with scopes of the application's own.
//
//	go run ./echo
package main

import (
	"log"
	"net/http"

	"github.com/labstack/echo/v4"

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

// router has a guard for each route. One for the whole server would deny application passwords
// that have scopes of the application's own alone.
func router(svc *sparekey.Service) http.Handler {
	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
	needs := func(name string) echo.MiddlewareFunc { return echo.WrapMiddleware(guard.RequireScope(name)) }
	e := echo.New()
	e.GET("/posts", hello, needs("posts:read"))
	e.POST("/posts", hello, needs("posts:write"))
	e.GET("/forgotten", hello, echo.WrapMiddleware(guard.Require))
	return e
}

func hello(c echo.Context) error {
	id, _ := sparekey.FromContext(c.Request().Context())
	return c.String(http.StatusOK, id.User.Login+"\n")
}
