package lifecycle_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/lifecycle"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memory.New()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	clock := func() time.Time { return now }
	svc := sparekey.New(store, store, sparekey.Config{Now: clock, Observe: func(_ context.Context, e sparekey.Event) {
		if e.Kind == sparekey.KindExpiring {
			fmt.Printf("%s: %q expires on %s\n", e.User.Login, e.Credential.Name, e.Expires.Format(time.DateOnly))
		}
	}})
	ann, err := store.CreateUser(ctx, sparekey.User{Login: "ann"}, "")
	if err != nil {
		panic(err)
	}
	limits := sparekey.Limits{Expires: now.AddDate(0, 0, 15)}
	if _, _, err := svc.AsOperator().Create(ctx, ann.ID, sparekey.NewCredential{Name: "Phone", Limits: limits}); err != nil {
		panic(err)
	}

	now = now.AddDate(0, 0, 1)
	m := lifecycle.New(svc, lifecycle.Config{Checkpoints: store, Now: clock})
	result, err := m.RunOnce(ctx) // a server calls go m.Run(ctx)
	fmt.Println(result.Expiring, result.Revoked, err)
	// Output:
	// ann: "Phone" expires on 2026-03-19
	// 1 0 <nil>
}
