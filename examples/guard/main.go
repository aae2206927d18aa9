// Command guard protects an http.Handler with application passwords.
//
//	go run ./examples/guard
//
// It keeps users and credentials in guard.db; with sparekey's command line on the
// same file you make them:
//
//	sparekey --database guard.db user create ann ann@example.com
//	sparekey --database guard.db user application-password create ann "My script"
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func main() {
	store, err := sqlite.Open(context.Background(), "guard.db")
	if err != nil {
		log.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
	http.Handle("/api/", guard.Require(http.HandlerFunc(hello)))
	log.Print("serving on http://localhost:8081/api/")
	log.Fatal(http.ListenAndServe("localhost:8081", nil))
}

// hello is guarded, so there is always an identity.
func hello(w http.ResponseWriter, r *http.Request) {
	id, _ := sparekey.FromContext(r.Context())
	fmt.Fprintf(w, "Hello %s, you came with %q.\n", id.User.Login, id.Credential.Name)
}
