package basicauth_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	svc, first := newService(t, sparekey.Config{Now: func() time.Time { return now }})
	guard := basicauth.New(svc, basicauth.Config{})
	user, err := svc.Directory().UserByLogin(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	m := svc.AsOperator()
	list, err := m.List(t.Context(), user.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	check := func(secret sparekey.Secret, expires, old string) {
		t.Helper()
		next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
		for _, h := range []http.Handler{guard.Require(next), guard.Optional(next)} {
			for range 2 { // the second is answered from memory
				res := send(h, basic("ann:"+secret.Reveal()))
				got := [2]string{res.Header.Get(basicauth.HeaderExpires), res.Header.Get(basicauth.HeaderOldSecret)}
				if want := [2]string{expires, old}; res.StatusCode != http.StatusOK || got != want {
					t.Errorf("%d, got %q, want %q", res.StatusCode, got, want)
				}
			}
		}
	}
	check(first, "", "")
	in := func(days int) *time.Time { at := now.AddDate(0, 0, days); return &at }
	for days, want := range map[int]string{15: "", 14: "2026-03-18T05:06:07Z", 1: "2026-03-05T05:06:07Z"} {
		if _, err := m.Edit(t.Context(), user.ID, list[0].UUID, sparekey.Edit{Expires: in(days)}); err != nil {
			t.Fatal(err)
		}
		check(first, want, "")
	}
	never := time.Time{}
	if _, err := m.Edit(t.Context(), user.ID, list[0].UUID, sparekey.Edit{Expires: &never}); err != nil {
		t.Fatal(err)
	}
	second, _, err := m.Rotate(t.Context(), user.ID, list[0].UUID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	check(second, "", "")
	check(first, "", "2026-03-04T06:06:07Z")
}

// TestWarningsUnderALaterPolicy wants the end of a grace period to be the one that the
// present policy leaves of it.
func TestWarningsUnderALaterPolicy(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	config := sparekey.Config{Now: func() time.Time { return now }}
	svc, first := newService(t, config)
	user, err := svc.Directory().UserByLogin(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	list, err := svc.AsOperator().List(t.Context(), user.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	if _, _, err := svc.AsOperator().Rotate(t.Context(), user.ID, list[0].UUID, 90*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	for lifetime, want := range map[time.Duration]string{
		time.Hour: "2026-03-04T06:06:07Z", 30 * 24 * time.Hour: "2026-04-03T05:06:07Z",
		90 * 24 * time.Hour: "2026-06-02T05:06:07Z", 400 * 24 * time.Hour: "2026-06-02T05:06:07Z",
	} {
		config.Policy = sparekey.Policy{MaxLifetime: lifetime}
		store := svc.Directory().(*memory.Store)
		guard := basicauth.New(sparekey.New(store, store, config), basicauth.Config{})
		ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		for range 2 { // the second is answered from memory
			res := send(guard.Require(ok), basic("ann:"+first.Reveal()))
			if got := res.Header.Get(basicauth.HeaderOldSecret); res.StatusCode != http.StatusOK || got != want {
				t.Errorf("with a lifetime of %v: %d, got %q, want %q", lifetime, res.StatusCode, got, want)
			}
		}
	}
}
