package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// The capabilities that decide, by WordPress's names.
const (
	capEditUsers    = "edit_users"
	capListUsers    = "list_users"
	capNetworkUsers = "manage_network_users"
)

// CanManage implements [sparekey.Authority] as WordPress decides edit_user, which
// stands behind all its capabilities for application passwords:
//
//   - users may always manage their own;
//   - on a single site, those of others need edit_users;
//   - on a network, a super admin may manage everyone's, and other users need
//     edit_users and manage_network_users, and may not manage a super admin's.
//
// Capabilities are those on the main site, given by a role or to the user, and may be
// taken away from the user. Each call reads them anew. A user who is marked as spam or
// deleted may manage nothing, and cannot be managed.
func (s *Store) CanManage(ctx context.Context, actor, target sparekey.User) (bool, error) {
	r, err := s.rights(ctx, actor.ID, target.ID)
	if err != nil {
		return false, failed("ask who may manage a user", err)
	}
	a, t := r.users[actor.ID], r.users[target.ID]
	switch {
	case a == nil || t == nil:
		return false, nil
	case actor.ID == target.ID:
		return true, nil
	case !s.multi:
		return r.has(a, capEditUsers), nil
	}
	admins, err := r.superAdmins()
	if err != nil {
		return false, failed("ask who may manage a user", err)
	}
	if admins[a.login] {
		return true, nil
	}
	return !admins[t.login] && r.has(a, capNetworkUsers) && r.has(a, capEditUsers), nil
}

// CanSearch implements [sparekey.Authority]. The application passwords of all users
// are for those who may list all users and edit each of them: on a single site that
// takes list_users and edit_users, on a network a super admin.
func (s *Store) CanSearch(ctx context.Context, actor sparekey.User) (bool, error) {
	return s.hasEverywhere(ctx, actor, capListUsers, capEditUsers)
}

// CanListUsers implements [sparekey.Authority]. On a single site it takes list_users.
// On a network, where WordPress shows a site's administrator the users of that site
// alone, it takes a super admin, since the list has the users of all sites.
func (s *Store) CanListUsers(ctx context.Context, actor sparekey.User) (bool, error) {
	return s.hasEverywhere(ctx, actor, capListUsers)
}

// hasEverywhere reports whether a user has capabilities that reach all users.
func (s *Store) hasEverywhere(ctx context.Context, actor sparekey.User, capabilities ...string) (bool, error) {
	r, err := s.rights(ctx, actor.ID, actor.ID)
	if err != nil {
		return false, failed("ask what a user may do", err)
	}
	a := r.users[actor.ID]
	if a == nil {
		return false, nil
	}
	if s.multi {
		admins, err := r.superAdmins()
		return admins[a.login], failed("ask what a user may do", err)
	}
	for _, capability := range capabilities {
		if !r.has(a, capability) {
			return false, nil
		}
	}
	return true, nil
}

// account is what a user's rights follow from.
type account struct {
	login        string
	capabilities phpserial.Value // of the main site; null if they cannot be read
}

// rights are the accounts of users, and what of the site decides about them, as they
// were at one moment.
type rights struct {
	users    map[string]*account // by ID; without those marked as spam or deleted
	roles    phpserial.Value     // null if they cannot be read: then no role gives anything
	networks int                 // how many there are
	admins   sql.Null[string]    // the option site_admins of the main network
	variants int                 // how many different values that has; 0: it does not exist
}

var (
	errNetworkNow  = errors.New("this site has become a network of sites: restart Sparekey")
	errNoNetwork   = errors.New("the table of networks is empty, so the super admins are unknown")
	errManyAdmins  = errors.New("site_admins has several rows that differ: delete all but one")
	errBrokenAdmin = errors.New("site_admins cannot be read")
)

// rights reads what decides about two users, which may be the same, in one statement.
func (s *Store) rights(ctx context.Context, one, other string) (*rights, error) {
	r := &rights{users: map[string]*account{}}
	first, ok := parseID(one)
	second, alsoOK := parseID(other)
	if !ok || !alsoOK {
		return r, nil
	}
	stmt, err := s.prepared(ctx, s.queries.rights)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, first, second)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var roles sql.Null[string]
	for rows.Next() {
		var id uint64
		var capabilities sql.Null[string]
		a := &account{}
		if err := rows.Scan(&id, &a.login, &capabilities, &roles, &r.networks, &r.admins, &r.variants); err != nil {
			return nil, err
		}
		a.capabilities, _ = phpserial.Decode(capabilities.V)
		r.users[formatID(id)] = a
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	r.roles, _ = phpserial.Decode(roles.V)
	if !s.multi && r.networks > 0 {
		return nil, errNetworkNow
	}
	return r, nil
}

// has reports whether a user has a capability. As in WordPress, a role counts as soon
// as its name is among the user's capabilities, whatever stands beside it; later roles
// come before earlier ones, and what was given to the user, or taken away, before all
// roles.
func (r *rights) has(a *account, capability string) bool {
	if own, ok := a.capabilities.Get(capability); ok {
		return isTrue(own)
	}
	has := false
	for _, p := range a.capabilities.Pairs() {
		key, _ := p.Key.Text()
		role, _ := r.roles.Get(key)
		if name, ok := role.Get("name"); !ok || name.Kind() == phpserial.Null {
			continue
		}
		capabilities, _ := role.Get("capabilities")
		if given, ok := capabilities.Get(capability); ok {
			has = isTrue(given)
		}
	}
	return has
}

// superAdmins are the logins of the network's super admins. Without the option it is
// the user "admin", as in WordPress.
func (r *rights) superAdmins() (logins map[string]bool, err error) {
	switch {
	case r.networks == 0:
		return nil, errNoNetwork
	case r.variants > 1:
		return nil, errManyAdmins
	case r.variants == 0:
		return map[string]bool{"admin": true}, nil
	}
	v, err := phpserial.Decode(r.admins.V)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBrokenAdmin, err)
	}
	if v.Kind() != phpserial.Array {
		return nil, errBrokenAdmin
	}
	logins = map[string]bool{}
	for _, p := range v.Pairs() {
		if login, ok := p.Value.Text(); ok {
			logins[login] = true
		}
	}
	return logins, nil
}

// isTrue reports whether PHP takes a value for true.
func isTrue(v phpserial.Value) bool {
	switch text := plain(v); v.Kind() {
	case phpserial.Array:
		return len(v.Pairs()) > 0
	case phpserial.Int, phpserial.Float:
		n, err := strconv.ParseFloat(text, 64)
		return err == nil && n != 0
	default:
		return text != "" && text != "0"
	}
}
