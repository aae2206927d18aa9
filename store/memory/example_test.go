package memory_test

import (
	"context"
	"fmt"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// One Store can be both what a Service needs: a store and a directory.
func Example() {
	ctx := context.Background()
	store := memory.New()
	user, err := store.CreateUser(ctx, sparekey.User{Login: "alice"}, "")
	if err != nil {
		panic(err)
	}

	svc := sparekey.New(store, store, sparekey.Config{})
	secret, _, err := svc.As(user).Create(ctx, user.ID, sparekey.NewCredential{Name: "Calendar"})
	if err != nil {
		panic(err)
	}
	id, err := svc.Authenticate(ctx, sparekey.Attempt{Login: "Alice", Secret: secret, Secure: true})
	fmt.Println(id.User.Login, id.Credential.Name, err)
	// Output: alice Calendar <nil>
}
