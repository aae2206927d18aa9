package sparekey_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	const appID = "2b1c7a3e-5d4f-1a6b-1c9d-0e1f2a3b4c5d"
	secret, c, err := s.As(s.ann).Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "  My <b>phone</b>\n", AppID: appID})
	if err != nil {
		t.Fatal(err)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if !uuid.MatchString(c.UUID) || c.UserID != s.ann.ID || c.Name != "My phone" || c.AppID != appID ||
		c.Created.IsZero() || c.Created.Nanosecond() != 0 || !c.LastUsed.IsZero() || c.LastIP != "" || c.Hash != secret.Hash() {
		t.Errorf("created %+v", c)
	}
	if got, err := s.As(s.ann).Get(t.Context(), s.ann.ID, c.UUID); err != nil || got != c {
		t.Errorf("stored %+v, %v", got, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	for _, n := range []sparekey.NewCredential{
		{}, {Name: " \t"}, {Name: "<b></b>"}, {Name: "0"}, {Name: "\xff"},
		{Name: "x", AppID: "nope"}, {Name: "x", AppID: "2B1C7A3E-5D4F-1A6B-1C9D-0E1F2A3B4C5D"},
		{Name: "x", AppID: "2b1c7a3e-5d4f-1a6b-1c9d-0e1f2a3b4c5d\n"},
	} {
		_, _, err := s.As(s.ann).Create(t.Context(), s.ann.ID, n)
		var invalid *sparekey.InvalidError
		if !errors.Is(err, sparekey.ErrInvalid) || !errors.As(err, &invalid) || !sparekey.Refused(err) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if list, err := s.As(s.ann).List(t.Context(), s.ann.ID); err != nil || len(list) != 0 {
		t.Errorf("something was stored: %v, %v", list, err)
	}
}

func TestDuplicateNames(t *testing.T) {
	t.Parallel()
	for _, permitted := range []bool{false, true} {
		t.Run(fmt.Sprintf("permitted=%v", permitted), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{UniqueNames: !permitted})
			m := s.As(s.ann)
			s.create(t, "Phone")
			_, tablet := s.create(t, "Tablet")
			_, _, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: " pHONE"})
			if errors.Is(err, sparekey.ErrDuplicateName) == permitted {
				t.Errorf("second of a name: %v", err)
			}
			if _, err := m.Rename(t.Context(), s.ann.ID, tablet.UUID, "phone"); errors.Is(err, sparekey.ErrDuplicateName) == permitted {
				t.Errorf("rename to a name that is taken: %v", err)
			}
			if !permitted {
				if c, err := m.Rename(t.Context(), s.ann.ID, tablet.UUID, "TABLET"); err != nil || c.Name != "TABLET" {
					t.Errorf("another case of its own name: %v, %v", c.Name, err)
				}
			}
			if _, _, err := s.AsOperator().Create(t.Context(), s.admin.ID, sparekey.NewCredential{Name: "Phone"}); err != nil {
				t.Errorf("another user may have it: %v", err)
			}
		})
	}
}

func TestDuplicateNamesAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{UniqueNames: true})
	var wg sync.WaitGroup
	results := make([]error, 32)
	for i := range results {
		wg.Go(func() {
			_, _, results[i] = s.As(s.ann).Create(context.WithoutCancel(t.Context()), s.ann.ID, sparekey.NewCredential{Name: "Phone"})
		})
	}
	wg.Wait()
	made := 0
	for _, err := range results {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, sparekey.ErrDuplicateName):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d of one name were made at once", made)
	}
}

func TestNameExists(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	s.create(t, "Phone")
	for name, want := range map[string]bool{"Phone": true, "pHONE": true, "Phon": false, "": false} {
		if got, err := s.As(s.ann).NameExists(t.Context(), s.ann.ID, name); err != nil || got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, c := s.create(t, `It's "mine" \o/`)
	m := s.As(s.ann)
	for _, name := range []string{`It's "mine" \o/`, "Phone", "Phone"} {
		got, err := m.Rename(t.Context(), s.ann.ID, c.UUID, name)
		if err != nil || got.Name != name || got.Hash != c.Hash || got.UUID != c.UUID {
			t.Errorf("rename to %q: %+v, %v", name, got, err)
		}
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
		t.Errorf("renaming changed the secret: %v", err)
	}
	if _, err := m.Rename(t.Context(), s.ann.ID, c.UUID, "<i></i>"); !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("no name: %v", err)
	}
	if _, err := m.Rename(t.Context(), s.ann.ID, "nope", "Phone 2"); !errors.Is(err, sparekey.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	m := s.As(s.ann)
	_, phone := s.create(t, "Phone")
	s.create(t, "Tablet")
	s.create(t, "Laptop")
	if c, err := m.Revoke(t.Context(), s.ann.ID, phone.UUID); err != nil || c != phone {
		t.Errorf("revoke: %+v, %v", c, err)
	}
	if _, err := m.Revoke(t.Context(), s.ann.ID, phone.UUID); !errors.Is(err, sparekey.ErrNotFound) {
		t.Errorf("revoke again: %v", err)
	}
	list, err := m.RevokeAll(t.Context(), s.ann.ID)
	if err != nil || len(list) != 2 || list[0].Name != "Tablet" || list[1].Name != "Laptop" {
		t.Errorf("revoke all: %v, %v", list, err)
	}
	if list, err := m.RevokeAll(t.Context(), s.ann.ID); err != nil || len(list) != 0 {
		t.Errorf("revoke none: %v, %v", list, err)
	}
}

// everything calls every method of a Manager and returns the errors by name.
func everything(ctx context.Context, m sparekey.Manager, userID, uuid string) map[string]error {
	errs := map[string]error{}
	_, errs["Target"] = m.Target(ctx, userID)
	_, _, errs["Create"] = m.Create(ctx, userID, sparekey.NewCredential{Name: "New"})
	errs["CheckNew"] = m.CheckNew(ctx, userID, sparekey.NewCredential{Name: "Newer"})
	_, errs["List"] = m.List(ctx, userID)
	_, errs["Get"] = m.Get(ctx, userID, uuid)
	_, errs["NameExists"] = m.NameExists(ctx, userID, "Phone")
	_, errs["Rename"] = m.Rename(ctx, userID, uuid, "Renamed")
	_, errs["RecordUse"] = m.RecordUse(ctx, userID, uuid, "192.0.2.1")
	_, errs["Revoke"] = m.Revoke(ctx, userID, uuid)
	_, errs["RevokeAll"] = m.RevokeAll(ctx, userID)
	return errs
}

func TestWhoMayManage(t *testing.T) {
	t.Parallel()
	off := func(context.Context) (bool, error) { return false, nil }
	offFor := func(_ context.Context, u sparekey.User) (bool, error) { return u.Login != "ann", nil }
	down := errors.New("down")
	for name, c := range map[string]struct {
		config sparekey.Config
		as     func(*site) sparekey.Manager
		userID string // default: ann's
		want   error
	}{
		"self":                              {as: func(s *site) sparekey.Manager { return s.As(s.ann) }},
		"other":                             {as: func(s *site) sparekey.Manager { return s.As(s.admin) }, want: sparekey.ErrForbidden},
		"anonymous":                         {as: func(s *site) sparekey.Manager { return s.As(sparekey.User{}) }, want: sparekey.ErrForbidden},
		"anonymous with a role":             {config: sparekey.Config{Allow: sparekey.AllowAdministrators}, as: func(s *site) sparekey.Manager { return s.As(sparekey.User{Roles: s.admin.Roles}) }, want: sparekey.ErrForbidden},
		"administrator":                     {config: sparekey.Config{Allow: sparekey.AllowAdministrators}, as: func(s *site) sparekey.Manager { return s.As(s.admin) }},
		"self, beside administrators":       {config: sparekey.Config{Allow: sparekey.AllowAdministrators}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }},
		"the operator":                      {as: func(s *site) sparekey.Manager { return s.AsOperator() }},
		"unknown user":                      {as: func(s *site) sparekey.Manager { return s.AsOperator() }, userID: "999", want: sparekey.ErrUserNotFound},
		"off for the site":                  {config: sparekey.Config{Available: off}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, want: sparekey.ErrUnavailable},
		"off for the site, unknown user":    {config: sparekey.Config{Available: off}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, userID: "999", want: sparekey.ErrUnavailable},
		"off for the site, for strangers":   {config: sparekey.Config{Available: off}, as: func(s *site) sparekey.Manager { return s.As(sparekey.User{}) }, want: sparekey.ErrUnavailable},
		"off for the site, as operator":     {config: sparekey.Config{Available: off}, as: func(s *site) sparekey.Manager { return s.AsOperator() }},
		"off for the user":                  {config: sparekey.Config{AvailableFor: offFor}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, want: sparekey.ErrUnavailableForUser},
		"off for the user, for strangers":   {config: sparekey.Config{AvailableFor: offFor}, as: func(s *site) sparekey.Manager { return s.As(sparekey.User{}) }, want: sparekey.ErrUnavailableForUser},
		"the question who may is broken":    {config: sparekey.Config{Allow: func(context.Context, sparekey.User, sparekey.User) (bool, error) { return true, down }}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, want: down},
		"the question who can is broken":    {config: sparekey.Config{AvailableFor: func(context.Context, sparekey.User) (bool, error) { return true, down }}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, want: down},
		"the question whether is broken":    {config: sparekey.Config{Available: func(context.Context) (bool, error) { return true, down }}, as: func(s *site) sparekey.Manager { return s.As(s.ann) }, want: down},
		"no actor ID, no target ID either":  {as: func(s *site) sparekey.Manager { return s.As(sparekey.User{}) }, userID: "none", want: sparekey.ErrUserNotFound},
		"administrators elsewhere, default": {as: func(s *site) sparekey.Manager { return s.As(s.admin) }, want: sparekey.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.config)
			userID := c.userID
			if userID == "" {
				userID = s.ann.ID
			}
			_, phone, err := s.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone"})
			if err != nil {
				t.Fatal(err)
			}
			for method, err := range everything(t.Context(), c.as(s), userID, phone.UUID) {
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", method, err, c.want)
				}
			}
			list, err := s.AsOperator().List(t.Context(), s.ann.ID)
			if c.want != nil && (err != nil || len(list) != 1 || list[0] != phone) {
				t.Errorf("what was refused changed something: %+v, %v", list, err)
			}
		})
	}
}

func TestCheckNew(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{UniqueNames: true})
	s.create(t, "Phone")
	for name, want := range map[string]error{"Tablet": nil, "PHONE": sparekey.ErrDuplicateName, "<b></b>": sparekey.ErrInvalid} {
		if err := s.As(s.ann).CheckNew(t.Context(), s.ann.ID, sparekey.NewCredential{Name: name}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if list, err := s.As(s.ann).List(t.Context(), s.ann.ID); err != nil || len(list) != 1 {
		t.Errorf("something was made: %v, %v", list, err)
	}
}

func TestSearchAll(t *testing.T) {
	t.Parallel()
	broken := errors.New("down")
	for name, c := range map[string]struct {
		config sparekey.Config
		want   error
	}{
		"denied by default":   {sparekey.Config{Allow: sparekey.AllowAdministrators}, sparekey.ErrForbidden},
		"administrators":      {sparekey.Config{AllowAll: sparekey.AdministratorsOnly}, nil},
		"the question breaks": {sparekey.Config{AllowAll: func(context.Context, sparekey.User) (bool, error) { return true, broken }}, broken},
		"off for the site": {sparekey.Config{
			AllowAll:  sparekey.AdministratorsOnly,
			Available: func(context.Context) (bool, error) { return false, nil },
		}, sparekey.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.config)
			if _, _, err := s.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone"}); err != nil {
				t.Fatal(err)
			}
			found, total, err := s.As(s.admin).Search(t.Context(), sparekey.CredentialQuery{})
			if !errors.Is(err, c.want) || (total == 1) != (c.want == nil) || len(found) != total {
				t.Errorf("%v, %d, %v; want %v", found, total, err, c.want)
			}
			for _, actor := range []sparekey.User{s.ann, {}, {Roles: s.admin.Roles}} {
				if err := s.As(actor).MaySearch(t.Context(), ""); err == nil {
					t.Errorf("%q may search", actor.Login)
				}
			}
			if err := s.AsOperator().MaySearch(t.Context(), ""); err != nil {
				t.Errorf("the operator may not: %v", err)
			}
		})
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	svc, d, _, _ := goneSite(t)
	owners := map[string]int{}
	for c, err := range svc.AsOperator().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		owners[c.UserID]++
	}
	if owners["ann"] != 2 || owners["bob"] != 2 || len(owners) != 2 {
		t.Errorf("credentials by user: %v, want 2 of ann and 2 of bob", owners)
	}
	for range svc.AsOperator().All(t.Context()) {
		break // ends the iteration without a panic
	}
	refusals := 0
	for c, err := range svc.As(d.users["bob"]).All(t.Context()) {
		if refusals++; !errors.Is(err, sparekey.ErrForbidden) || c.UUID != "" {
			t.Errorf("to a user: %+v, %v, want ErrForbidden", c, err)
		}
	}
	if refusals != 1 {
		t.Errorf("a user gets %d answers, want one refusal", refusals)
	}
}

func TestExpiringAndUnlimited(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	store := memory.New()
	for name, c := range map[string]struct {
		limits              sparekey.Limits
		uses                int
		expiring, unlimited bool
	}{
		"without limits":      {unlimited: true},
		"with a scope":        {limits: sparekey.Limits{Scopes: "read"}},
		"with uses left":      {limits: sparekey.Limits{MaxUses: 2}, uses: 1},
		"expires in a day":    {limits: sparekey.Limits{Expires: now.AddDate(0, 0, 1)}, expiring: true},
		"expires in a year":   {limits: sparekey.Limits{Expires: now.AddDate(1, 0, 0)}},
		"expired":             {limits: sparekey.Limits{Expires: now.AddDate(0, 0, -1)}},
		"used up, and a day":  {limits: sparekey.Limits{Expires: now.AddDate(0, 0, 1), MaxUses: 2}, uses: 2},
		"at the notice's end": {limits: sparekey.Limits{Expires: now.Add(sparekey.ExpiryNotice)}, expiring: true},
	} {
		s := sparekey.New(store, store, sparekey.Config{Now: func() time.Time { return now }})
		credential := sparekey.Credential{UserID: "1", Created: now.AddDate(-1, 0, 0), Limits: c.limits, Uses: c.uses}
		if got := s.IsExpiring(credential); got != c.expiring {
			t.Errorf("%s: expiring %v, want %v", name, got, c.expiring)
		}
		if got := s.IsUnlimited(credential); got != c.unlimited {
			t.Errorf("%s: unlimited %v, want %v", name, got, c.unlimited)
		}
	}
}

// TestRevokeIf has a credential that was extended since a caller found that it expired.
func TestRevokeIf(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	_, c := s.create(t, "app")
	s.events.take()
	stays := func(sparekey.Credential) sparekey.Reason { return "" }
	expired := func(got sparekey.Credential) sparekey.Reason {
		if got != c {
			t.Errorf("asked about %+v", got)
		}
		return sparekey.ReasonExpired
	}
	for _, step := range []struct {
		why  func(sparekey.Credential) sparekey.Reason
		want bool
	}{{stays, false}, {expired, true}, {expired, false}} {
		if got, err := s.RevokeIf(t.Context(), c.Key(), step.why); err != nil || got != step.want {
			t.Errorf("got %v, %v, want %v", got, err, step.want)
		}
	}
	if got := s.events.take(); len(got) != 1 || got[0].Kind != sparekey.KindRevoked || got[0].Reason != sparekey.ReasonExpired || got[0].User.Login != "ann" {
		t.Errorf("got %+v", got)
	}
}

// steps is a store with transactions. It counts the writes within one, and those without.
type steps struct {
	*memory.Store
	within, without int
}

type stepKey struct{}

func (s *steps) Atomically(ctx context.Context, do func(context.Context) error) error {
	return do(context.WithValue(ctx, stepKey{}, true))
}

func (s *steps) count(ctx context.Context) {
	if ctx.Value(stepKey{}) == nil {
		s.without++
		return
	}
	s.within++
}

func (s *steps) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	s.count(ctx)
	return s.Store.Insert(ctx, c, check)
}

func (s *steps) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	s.count(ctx)
	return s.Store.Delete(ctx, userID, uuid)
}

// TestQuestionAndWriteAreOneStep has a store with transactions and no audit log: a credential that
// is extended after the question whether it expired must not be revoked, and one that is revoked
// after the question whether it may act must not create another.
func TestQuestionAndWriteAreOneStep(t *testing.T) {
	t.Parallel()
	store := &steps{Store: memory.New()}
	user, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	_, acting, err := svc.AsOperator().Create(t.Context(), user.ID, sparekey.NewCredential{Name: "app"})
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := svc.AsCaller(sparekey.Identity{User: user, Credential: acting}).Create(t.Context(), user.ID, sparekey.NewCredential{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := svc.RevokeIf(t.Context(), c.Key(), func(sparekey.Credential) sparekey.Reason { return sparekey.ReasonExpired })
	if err != nil || !revoked || store.within != 3 || store.without != 0 {
		t.Errorf("revoked %v, %v, writes within steps %d, without %d", revoked, err, store.within, store.without)
	}
}
