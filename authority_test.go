package sparekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// ruled is a directory with an access rule: one user may do everything.
type ruled struct {
	*memory.Store
	mighty string // ID
	broken error
}

func (r ruled) CanManage(_ context.Context, actor, target sparekey.User) (bool, error) {
	return actor.ID == r.mighty && target.ID != "" || r.broken != nil, r.broken
}

func (r ruled) CanSearch(_ context.Context, actor sparekey.User) (bool, error) {
	return actor.ID == r.mighty || r.broken != nil, r.broken
}

func (r ruled) CanListUsers(ctx context.Context, actor sparekey.User) (bool, error) {
	return r.CanSearch(ctx, actor)
}

// TestAuthority expects the rule of the directory to count where the Config has none.
func TestAuthority(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	down := errors.New("down")
	forbidden := sparekey.ErrForbidden
	for name, tt := range map[string]struct {
		broken      error
		config      sparekey.Config
		ann, admin  error // what they get when they list the other's
		annAll, all error // and those of all users
	}{
		"the directory decides":    {ann: nil, admin: forbidden, annAll: nil, all: forbidden},
		"the directory is broken":  {broken: down, ann: down, admin: down, annAll: down, all: down},
		"the Config has one":       {config: sparekey.Config{Allow: sparekey.AllowAdministrators}, ann: forbidden, admin: nil, annAll: nil, all: forbidden},
		"the Config has the other": {config: sparekey.Config{AllowAll: sparekey.AdministratorsOnly}, ann: nil, admin: forbidden, annAll: forbidden, all: nil},
	} {
		svc := sparekey.New(s.store, ruled{s.store, s.ann.ID, tt.broken}, tt.config)
		_, ann := svc.As(s.ann).List(t.Context(), s.admin.ID)
		_, admin := svc.As(s.admin).List(t.Context(), s.ann.ID)
		annAll, all := svc.As(s.ann).MaySearch(t.Context(), ""), svc.As(s.admin).MaySearch(t.Context(), "")
		for what, pair := range map[string][2]error{"ann": {ann, tt.ann}, "admin": {admin, tt.admin}, "ann, all": {annAll, tt.annAll}, "admin, all": {all, tt.all}} {
			if !errors.Is(pair[0], pair[1]) {
				t.Errorf("%s: %s: %v, want %v", name, what, pair[0], pair[1])
			}
		}
	}
}
