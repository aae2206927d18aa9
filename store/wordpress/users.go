package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/loginname"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
	"github.com/sparekey-dev/sparekey/internal/wpname"
)

// UserByLogin implements [sparekey.Directory]. It finds the user that WordPress's own
// sign-in finds: markup, percent-encoded bytes and entities do not count, and the
// column's collation decides what is equal (as a rule, neither case nor accents
// count). Where none is equal, it is the user whose login is the same without accents, as
// WordPress stores logins. Beyond WordPress, invisible characters around the login do not
// count, nor does whether its letters are composed. Here and everywhere else, a user of a network who is
// marked as spam or deleted does not exist.
func (s *Store) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	login = loginname.Clean(sanitizeLogin(loginname.Clean(login)))
	email := sql.Null[string]{V: login, Valid: emailPattern.MatchString(login)}
	if login == "" || strings.IndexByte(login, 0) >= 0 { // which many a collation ignores
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	var args []any
	for i, spelling := range spellings(login) { // not every collation takes them for the same text
		args = append(args, sql.Null[string]{V: spelling, Valid: i == 0 || spelling != login})
	}
	u, err := s.oneUser(ctx, s.queries.userByLogin, append(args, email)...)
	return u, failed("find a user by login", err)
}

// UserByID implements [sparekey.Directory].
func (s *Store) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	user, ok := parseID(id)
	if !ok {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	u, err := s.oneUser(ctx, s.queries.userByID, user)
	return u, failed("find a user", err)
}

// emailPattern is what WordPress may take for an address.
var emailPattern = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)

var entity = regexp.MustCompile(`&[^;]+;`)

// sanitizeLogin is what WordPress looks up.
func sanitizeLogin(login string) string {
	login = entity.ReplaceAllString(wpname.Sanitize(login), "")
	return strings.Join(strings.Fields(login), " ")
}

func (s *Store) oneUser(ctx context.Context, query string, args ...any) (sparekey.User, error) {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return sparekey.User{}, err
	}
	r, err := scanUser(stmt.QueryRowContext(ctx, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	if err != nil {
		return sparekey.User{}, err
	}
	roles, err := s.roles.current(ctx, s, r.siteRoles)
	if err != nil {
		return sparekey.User{}, err
	}
	return r.user(roles), nil
}

// userRow is a user as the database has it.
type userRow struct {
	sparekey.User        // without roles
	capabilities  string // serialised
	siteRoles     string // digest of the site's roles at that moment; empty: it has none
}

func scanUser(scan func(...any) error) (r userRow, err error) {
	var id uint64
	var registered sql.Null[time.Time]
	var capabilities sql.Null[string]
	if err := scan(&id, &r.Login, &r.Email, &r.DisplayName, &registered, &capabilities, &r.siteRoles); err != nil {
		return userRow{}, err
	}
	r.ID, r.capabilities = formatID(id), capabilities.V
	if registered.Valid && registered.V.Year() > 1 {
		r.Registered = registered.V.UTC()
	}
	return r, nil
}

// user is the user with those roles that the site has.
func (r userRow) user(siteRoles map[string]bool) sparekey.User {
	r.Roles = rolesOf(r.capabilities, siteRoles)
	return r.User
}

// rolesOf reads the roles of a user: those keys of the capabilities that the site has roles
// for. An unreadable value gives no role.
func rolesOf(capabilities string, siteRoles map[string]bool) (roles []string) {
	v, err := phpserial.Decode(capabilities)
	if err != nil {
		return nil
	}
	for _, p := range v.Pairs() {
		role, isText := p.Key.Text()
		if isText && isTrue(p.Value) && (siteRoles == nil || siteRoles[role]) {
			roles = append(roles, role)
		}
	}
	return roles
}

// roleNames has the names of the site's roles as they were last read. The option is
// large and hardly ever changes, so it is read only when its digest has changed.
type roleNames struct {
	mu     sync.Mutex
	names  map[string]bool // nil: they cannot be read, so every capability counts as a role
	digest string
}

// known returns the names of the site's roles. digest is that of the option, as the
// database gave it a moment ago; empty: the option does not exist.
func (r *roleNames) current(ctx context.Context, s *Store, digest string) (map[string]bool, error) {
	if digest == "" {
		return nil, nil
	}
	r.mu.Lock()
	names, same := r.names, r.digest == digest
	r.mu.Unlock()
	if same {
		return names, nil
	}
	var option sql.Null[string]
	var now sql.Null[string]
	err := s.queryRow(ctx, s.queries.userRoles, nil, &option, &now)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the site's roles: %w", err)
	}
	names = nil
	if v, err := phpserial.Decode(option.V); err == nil && len(v.Pairs()) > 0 {
		names = map[string]bool{}
		for _, p := range v.Pairs() {
			name, _ := p.Key.Text()
			names[name] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names, r.digest = names, now.V
	return names, nil
}

// SamplePasswordHashes returns the password hashes of the n oldest and the n newest
// users, in no order. A large table costs no more than a small one.
func (s *Store) SamplePasswordHashes(ctx context.Context, n int) (hashes []string, err error) {
	err = eachRow(ctx, s.db, s.queries.sampleHashes, []any{n, n}, func(scan func(...any) error) error {
		var hash string
		err := scan(&hash)
		hashes = append(hashes, hash)
		return err
	})
	return hashes, failed("sample password hashes", err)
}

// Users implements [sparekey.UserLister]. Whether upper and lower case count as equal
// is decided by the column's collation.
func (s *Store) Users(ctx context.Context, q sparekey.UserQuery) (users []sparekey.User, total int, err error) {
	holds := ""
	if q.Role != "" {
		holds = phpserial.NewString(q.Role).Encoding() + "b:1;"
	}
	selection := []any{q.Search, q.Search, q.Search, q.Search, holds, holds}
	if err := s.db.QueryRowContext(ctx, s.queries.userCount, selection...).Scan(&total); err != nil {
		return nil, 0, failed("count users", err)
	}
	limit := int64(q.Limit)
	if limit == 0 {
		limit = 1 << 62
	}
	var rows []userRow
	err = eachRow(ctx, s.db, s.queries.users, append(selection, limit, q.Offset), func(scan func(...any) error) error {
		r, err := scanUser(scan)
		rows = append(rows, r)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, total, failed("list users", err)
	}
	roles, err := s.roles.current(ctx, s, rows[0].siteRoles) // one statement, so all have the same
	if err != nil {
		return nil, 0, failed("list users", err)
	}
	for _, r := range rows {
		users = append(users, r.user(roles))
	}
	return users, total, nil
}

// The users are WordPress's, which knows what else must happen when one comes or
// goes: so these refuse.
func notHere(what, instead string) error {
	return &sparekey.InvalidError{Field: "user", Problem: "accounts of this database are WordPress's: " + what + " there, with " + instead}
}

// CreateUser refuses, with [sparekey.ErrInvalid].
func (s *Store) CreateUser(context.Context, sparekey.User, string) (sparekey.User, error) {
	return sparekey.User{}, notHere("create one", `its dashboard or "wp user create"`)
}

// UpdateUser refuses, with [sparekey.ErrInvalid].
func (s *Store) UpdateUser(context.Context, string, func(*sparekey.User) error) (sparekey.User, error) {
	return sparekey.User{}, notHere("change one", `its dashboard or "wp user update"`)
}

// DeleteUser refuses, with [sparekey.ErrInvalid].
func (s *Store) DeleteUser(context.Context, string) (sparekey.User, error) {
	return sparekey.User{}, notHere("delete one", `its dashboard or "wp user delete"`)
}

// SetPasswordHash refuses, with [sparekey.ErrInvalid].
func (s *Store) SetPasswordHash(context.Context, string, string) error {
	return notHere("change the password", `its dashboard or "wp user reset-password"`)
}

// PasswordHash returns the hash of a user's own password, in whatever format
// WordPress keeps it. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) PasswordHash(ctx context.Context, id string) (hash string, err error) {
	user, ok := parseID(id)
	if !ok {
		return "", sparekey.ErrUserNotFound
	}
	err = s.queryRow(ctx, s.queries.passwordHash, []any{user}, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", sparekey.ErrUserNotFound
	}
	return hash, failed("read a user's password hash", err)
}
