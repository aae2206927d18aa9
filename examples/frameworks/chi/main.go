// Command chi protects the routes of a chi router, with scopes of the application's own.
//
//	go run ./chi
package main

import (
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"

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

// router has a guard for each route. One for the whole router would deny application passwords
// that have scopes of the application's own alone.
func router(svc *sparekey.Service) http.Handler {
	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
	r := chi.NewRouter()
	r.With(guard.RequireScope("posts:read")).Get("/posts", hello)
	r.With(guard.RequireScope("posts:write")).Post("/posts", hello)
	r.With(guard.Require).Get("/forgotten", hello)
	return r
}

func hello(w http.ResponseWriter, r *http.Request) {
	id, _ := sparekey.FromContext(r.Context())
	_, _ = w.Write([]byte(id.User.Login + "\n"))
}
