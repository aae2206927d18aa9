package web

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/sparekey-dev/sparekey"
)

// maxFormTokens is how many tokens of sent forms are kept. The oldest is evicted first.
const maxFormTokens = 4096

// maxFormToken is how many bytes of a token are kept at most.
const maxFormToken = 64

var errDuplicateForm = errors.New("the form was sent before")

// idempotency makes forms idempotent: when a browser sends a form again, because the user
// reloaded the page, no second credential is created. It is safe for concurrent use.
type idempotency struct {
	mu     sync.Mutex
	tokens map[string]bool
	oldest []string
}

func newIdempotency() *idempotency { return &idempotency{tokens: map[string]bool{}} }

func newFormToken() string { return rand.Text() }

// claim reports whether the form with this token is new. A form without a token, which does not
// come from our pages, is always new.
func (s *idempotency) claim(token string) bool {
	if token == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[token] {
		return false
	}
	s.tokens[token] = true
	s.oldest = append(s.oldest, token)
	if len(s.oldest) > maxFormTokens {
		delete(s.tokens, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	return true
}

// release allows a form that failed to be sent again.
func (s *idempotency) release(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
	if at := slices.Index(s.oldest, token); at >= 0 {
		s.oldest = slices.Delete(s.oldest, at, at+1)
	}
}

// createIdempotent creates a credential, or returns errDuplicateForm.
func (c *call) createIdempotent(userID string, n sparekey.NewCredential) (sparekey.Secret, sparekey.Credential, error) {
	return c.idempotent(func() (sparekey.Secret, sparekey.Credential, error) {
		return c.manager().Create(c.r.Context(), userID, n)
	})
}

// idempotent calls do, or returns errDuplicateForm if this form succeeded before.
func (c *call) idempotent(do func() (sparekey.Secret, sparekey.Credential, error)) (sparekey.Secret, sparekey.Credential, error) {
	token := c.field("form")
	if token != "" {
		token = c.signed.ID + " " + token[:min(len(token), maxFormToken)]
	}
	if !c.idempotency.claim(token) {
		return sparekey.Secret{}, sparekey.Credential{}, errDuplicateForm
	}
	secret, cr, err := do()
	if err != nil {
		c.idempotency.release(token)
	}
	return secret, cr, err
}
