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
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// UserByLogin implements [sparekey.Directory]. It finds whom WordPress's own
// sign-in finds: markup, percent-encoded bytes and entities do not count, and what
// is equal is for the column's collation to say (as a rule, neither case nor
// accents count).
func (s *Store) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	login = sanitizeLogin(login)
	email := sql.Null[string]{V: login, Valid: emailPattern.MatchString(login)}
	if login == "" {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	u, err := s.oneUser(ctx, s.queries.userByLogin, login, email)
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
	login = entity.ReplaceAllString(sparekey.SanitizeName(login), "")
	return strings.Join(strings.Fields(login), " ")
}

func (s *Store) oneUser(ctx context.Context, query string, args ...any) (sparekey.User, error) {
	roles, err := s.roles.known(ctx, s)
	if err != nil {
		return sparekey.User{}, err
	}
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return sparekey.User{}, err
	}
	u, err := scanUser(stmt.QueryRowContext(ctx, args...).Scan, roles)
	if errors.Is(err, sql.ErrNoRows) {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return u, err
}

func scanUser(scan func(...any) error, known map[string]bool) (u sparekey.User, err error) {
	var id uint64
	var registered sql.Null[time.Time]
	var capabilities sql.Null[string]
	if err := scan(&id, &u.Login, &u.Email, &u.DisplayName, &registered, &capabilities); err != nil {
		return sparekey.User{}, err
	}
	u.ID = formatID(id)
	if registered.Valid && registered.V.Year() > 1 {
		u.Registered = registered.V.UTC()
	}
	u.Roles = rolesOf(capabilities.V, known)
	return u, nil
}

// rolesOf reads the roles of a user: those keys of the capabilities that the site
// has roles for. What cannot be read gives no role.
func rolesOf(capabilities string, known map[string]bool) (roles []string) {
	v, err := phpserial.Decode(capabilities)
	if err != nil {
		return nil
	}
	for _, p := range v.Pairs() {
		role, isText := p.Key.Text()
		if isText && isTrue(p.Value) && (known == nil || known[role]) {
			roles = append(roles, role)
		}
	}
	return roles
}

// isTrue is what PHP takes for true, of what WordPress writes there.
func isTrue(v phpserial.Value) bool {
	text := plain(v)
	return text != "" && text != "0"
}

// roleNames remembers for a minute which roles the site has, since the option is
// large and hardly ever changes.
type roleNames struct {
	mu    sync.Mutex
	names map[string]bool // nil: not to be read, so that every capability counts as one
	read  time.Time
}

const rolesFor = time.Minute

func (r *roleNames) known(ctx context.Context, s *Store) (map[string]bool, error) {
	now := s.config.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.read); !r.read.IsZero() && age >= 0 && age < rolesFor {
		return r.names, nil
	}
	var option string
	err := s.db.QueryRowContext(ctx, s.queries.userRoles).Scan(&option)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the site's roles: %w", err)
	}
	r.names, r.read = nil, now
	if v, err := phpserial.Decode(option); err == nil && len(v.Pairs()) > 0 {
		r.names = map[string]bool{}
		for _, p := range v.Pairs() {
			name, _ := p.Key.Text()
			r.names[name] = true
		}
	}
	return r.names, nil
}

// Users implements [sparekey.UserLister]. Whatever their case is the column's
// collation's to say.
func (s *Store) Users(ctx context.Context, q sparekey.UserQuery) (users []sparekey.User, total int, err error) {
	known, err := s.roles.known(ctx, s)
	if err != nil {
		return nil, 0, failed("list users", err)
	}
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
	err = eachRow(ctx, s.db, s.queries.users, append(selection, limit, q.Offset), func(scan func(...any) error) error {
		u, err := scanUser(scan, known)
		users = append(users, u)
		return err
	})
	if err != nil {
		return nil, 0, failed("list users", err)
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
