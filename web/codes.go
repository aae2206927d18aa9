package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"regexp"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// CodeLifetime is how long an application may take to exchange its code.
const CodeLifetime = 60 * time.Second

// Limits on the codes that wait for their exchange. A user who asks for more loses the oldest
// code. When the second limit is reached, no user gets a new one.
const (
	maxCodesPerUser = 8
	maxCodes        = 8192
	maxOthers       = 16 // UUIDs kept with each
)

var errTooManyCodes = errors.New("too many codes wait for their exchange")

// approval is a user's consent that an application may have a password. It holds no secret: the
// password is created when the application exchanges its code.
type approval struct {
	user         sparekey.User
	credential   sparekey.NewCredential
	challenge    string // S256 of the application's code verifier
	successURL   string
	siteURL      string                                  // which the application receives with its password
	others       []string                                // UUIDs of passwords that the user had, at most maxOthers
	sessionLasts func(ctx context.Context) (bool, error) // whether the user's session still exists; nil: unknown
	expires      time.Time
}

// codes are the approvals that wait for their exchange, by the hash of the code.
// It is safe for concurrent use.
type codes struct {
	mu      sync.Mutex
	now     func() time.Time
	pending map[[sha256.Size]byte]approval
}

func newCodes(now func() time.Time) *codes {
	return &codes{now: now, pending: map[[sha256.Size]byte]approval{}}
}

func (c *codes) issue(a approval) (code string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	maps.DeleteFunc(c.pending, func(_ [sha256.Size]byte, old approval) bool { return !now.Before(old.expires) })
	c.evictOldest(a.user.ID)
	if len(c.pending) >= maxCodes {
		return "", errTooManyCodes
	}
	a.expires = now.Add(CodeLifetime)
	code = rand.Text()
	c.pending[sha256.Sum256([]byte(code))] = a
	return code, nil
}

// evictOldest removes the oldest code of a user who has the maximum.
func (c *codes) evictOldest(userID string) {
	var oldest [sha256.Size]byte
	count := 0
	for key, a := range c.pending {
		if a.user.ID != userID {
			continue
		}
		if count == 0 || a.expires.Before(c.pending[oldest].expires) {
			oldest = key
		}
		count++
	}
	if count >= maxCodesPerUser {
		delete(c.pending, oldest)
	}
}

// drop invalidates a user's codes.
func (c *codes) drop(userID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.pending, func(_ [sha256.Size]byte, a approval) bool { return a.user.ID == userID })
}

// take returns the approval of a code, once.
func (c *codes) take(code string) (approval, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sha256.Sum256([]byte(code))
	a, ok := c.pending[key]
	delete(c.pending, key)
	return a, ok && c.now().Before(a.expires)
}

// verifierForm is the syntax of a code verifier (RFC 7636, 4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// provenBy reports whether the verifier belongs to the challenge.
func (a approval) provenBy(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return verifierForm.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(challenge), []byte(a.challenge)) == 1
}
