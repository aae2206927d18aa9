package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// An application that knows nothing of application passwords gets requests of
// users only, and learns their names from a header.
func Example() {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %s!", r.Header.Get("X-Sparekey-User"))
	}))
	defer application.Close()
	upstream, err := url.Parse(application.URL)
	if err != nil {
		log.Fatal(err)
	}

	ctx, store := context.Background(), memory.New()
	ann, err := store.CreateUser(ctx, sparekey.User{Login: "ann", Email: "ann@example.org"}, "")
	if err != nil {
		log.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	secret, _, err := svc.AsOperator().Create(ctx, ann.ID, sparekey.NewCredential{
		Name: "Reader", Limits: sparekey.Limits{Scopes: "GET /posts*"},
	})
	if err != nil {
		log.Fatal(err)
	}
	front := httptest.NewServer(proxy.New(gateway.New(svc, gateway.Config{}), upstream, proxy.Config{}))
	defer front.Close()

	for _, path := range []string{"/posts", "/users"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL+path, nil)
		if err != nil {
			log.Fatal(err)
		}
		r.SetBasicAuth("ann", secret.Reveal())
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.StatusCode, string(body))
	}
	// Output:
	// 200 Hello ann!
	// 403 This application password may not do that: no scope covers GET /users; it has: GET /posts*.
}
