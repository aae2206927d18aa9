package sparekey_test

import (
	"context"
	"fmt"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// A program makes an application password for a user, and authenticates an attempt with it. Its
// one scope is the application's own.
func Example() {
	ctx, store := context.Background(), memory.New()
	svc := sparekey.New(store, store, sparekey.Config{
		Bundles: scope.BuiltIn().With(scope.Named("posts:write", "Write and change posts")),
	})
	ann, err := store.CreateUser(ctx, sparekey.User{Login: "ann"}, "")
	if err != nil {
		fmt.Println(err)
	}
	secret, _, err := svc.As(ann).Create(ctx, ann.ID, sparekey.NewCredential{
		Name: "Phone", Limits: sparekey.Limits{Scopes: "posts:write"},
	})
	if err != nil {
		fmt.Println(err)
	}
	id, err := svc.Authenticate(ctx, sparekey.Attempt{Login: "ann", Secret: secret, Secure: true, Scope: "posts:write"})
	fmt.Println(id.User.Login, id.Credential.Name, id.Allows("posts:write"), err)

	if _, err := svc.UserDeleted(ctx, ann.ID); err != nil {
		fmt.Println(err)
	}
	_, err = svc.Authenticate(ctx, sparekey.Attempt{Login: "ann", Secret: secret, Secure: true, Scope: "posts:write"})
	fmt.Println(sparekey.Refused(err))
	// Output:
	// ann Phone true <nil>
	// true
}
