package web

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/sparekey-dev/sparekey"
)

// maxSentForms is how many sent forms are remembered. The oldest is dropped first.
const maxSentForms = 4096

// maxFormToken is how many bytes of a token are kept at most.
const maxFormToken = 64

var errSent = errors.New("the form was sent before")

// sentForms makes forms idempotent: when a browser sends a form again, because the user
// reloaded the page, no second credential is created. It is safe for concurrent use.
type sentForms struct {
	mu     sync.Mutex
	tokens map[string]bool
	oldest []string
}

func newSentForms() *sentForms { return &sentForms{tokens: map[string]bool{}} }

// newFormToken makes a token for one form.
func newFormToken() string { return rand.Text() }

// claim reports whether the form with this token may be carried out. A form
// without one, which no page of ours sent, always may.
func (s *sentForms) claim(token string) bool {
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
	if len(s.oldest) > maxSentForms {
		delete(s.tokens, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	return true
}

// release lets a form be sent again that was not carried out after all.
func (s *sentForms) release(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
	if at := slices.Index(s.oldest, token); at >= 0 {
		s.oldest = slices.Delete(s.oldest, at, at+1)
	}
}

// createOnce makes a credential unless this very form made one already, which is
// errSent.
func (c *call) createOnce(userID string, n sparekey.NewCredential) (sparekey.Secret, sparekey.Credential, error) {
	return c.once(func() (sparekey.Secret, sparekey.Credential, error) {
		return c.manager().Create(c.r.Context(), userID, n)
	})
}

// once makes a secret unless this very form made one already, which is errSent.
func (c *call) once(do func() (sparekey.Secret, sparekey.Credential, error)) (sparekey.Secret, sparekey.Credential, error) {
	token := c.field("form")
	if token != "" {
		token = c.signed.ID + " " + token[:min(len(token), maxFormToken)]
	}
	if !c.sent.claim(token) {
		return sparekey.Secret{}, sparekey.Credential{}, errSent
	}
	secret, cr, err := do()
	if err != nil {
		c.sent.release(token)
	}
	return secret, cr, err
}
