package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// A Store serves as the user directory as well.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "sparekey.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	svc := sparekey.New(store, store, sparekey.Config{})

	alice, err := store.CreateUser(ctx, sparekey.User{Login: "alice"}, "")
	if err != nil {
		log.Fatal(err)
	}
	secret, _, err := svc.As(alice).Create(ctx, alice.ID, sparekey.NewCredential{Name: "Calendar"})
	if err != nil {
		log.Fatal(err)
	}

	attempt := sparekey.Attempt{Login: "alice", Secret: secret, Secure: true}
	id, err := svc.Authenticate(ctx, attempt)
	fmt.Println(id.User.Login, "with", id.Credential.Name, err)

	if _, err := svc.As(alice).Revoke(ctx, alice.ID, id.Credential.UUID); err != nil {
		log.Fatal(err)
	}
	_, err = svc.Authenticate(ctx, attempt)
	fmt.Println(err)
	// Output:
	// alice with Calendar <nil>
	// not authenticated (wrong_secret)
}
