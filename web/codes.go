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

// approval is what a user agreed to: that an application may have a password.
// It holds no secret, as there is none yet. Whichever way the application is to
// come for it, this is all that has to be kept until then.
type approval struct {
	user       sparekey.User
	credential sparekey.NewCredential
	challenge  string // S256 of the verifier that the application has to show
	successURL string
	siteURL    string                                  // which the application gets with its password
	others     []string                                // UUIDs of what the user had, not necessarily all
	lasts      func(ctx context.Context) (bool, error) // whether the user's session still exists; nil: unknown
	expires    time.Time
}

// codes are the approvals that wait for their exchange, by the hash of the code.
// It is safe for concurrent use.
type codes struct {
	mu      sync.Mutex
	now     func() time.Time
	waiting map[[sha256.Size]byte]approval
}

func newCodes(now func() time.Time) *codes {
	return &codes{now: now, waiting: map[[sha256.Size]byte]approval{}}
}

// issue returns a code for an approval.
func (c *codes) issue(a approval) (code string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	maps.DeleteFunc(c.waiting, func(_ [sha256.Size]byte, old approval) bool { return !now.Before(old.expires) })
	c.makeRoom(a.user.ID)
	if len(c.waiting) >= maxCodes {
		return "", errTooManyCodes
	}
	a.expires = now.Add(CodeLifetime)
	code = rand.Text()
	c.waiting[sha256.Sum256([]byte(code))] = a
	return code, nil
}

// makeRoom drops the oldest code of a user who has as many as allowed.
func (c *codes) makeRoom(userID string) {
	var oldest [sha256.Size]byte
	count := 0
	for key, a := range c.waiting {
		if a.user.ID != userID {
			continue
		}
		if count == 0 || a.expires.Before(c.waiting[oldest].expires) {
			oldest = key
		}
		count++
	}
	if count >= maxCodesPerUser {
		delete(c.waiting, oldest)
	}
}

// drop makes a user's codes worth nothing.
func (c *codes) drop(userID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.waiting, func(_ [sha256.Size]byte, a approval) bool { return a.user.ID == userID })
}

// take returns the approval that a code stands for, once.
func (c *codes) take(code string) (approval, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sha256.Sum256([]byte(code))
	a, ok := c.waiting[key]
	delete(c.waiting, key)
	return a, ok && c.now().Before(a.expires)
}

// verifierForm is the form of a code verifier (RFC 7636, 4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// provenBy reports whether the verifier is the one of the challenge, which only
// the application that asked for the code has.
func (a approval) provenBy(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return verifierForm.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(challenge), []byte(a.challenge)) == 1
}
