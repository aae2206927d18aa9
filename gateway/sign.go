package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
)

// MinKey is how many bytes the key of a [Signer] must have at least.
const MinKey = 32

// Signer signs the identity headers of each request, for an application that
// others than Sparekey can reach as well, or that wants to be sure.
//
// The header is
//
//	X-Sparekey-Signature: v1;t=<unix seconds>;s=<signature>
//
// where the signature is base64url without padding of HMAC-SHA256, with the key,
// over these lines with "\n" between them: "v1", the time as in t, the method,
// the request-target as it is sent to the application, and the values of the
// headers X-Sparekey-User, -User-Id, -Roles, -Credential and -Scopes as they are
// sent; one that is missing counts as empty, since some proxies drop empty headers.
// The application must compare in constant time and refuse a t that is more than
// some seconds away from its own clock.
type Signer struct {
	key []byte
	now func() time.Time
}

// NewSigner returns a Signer with a key of at least [MinKey] bytes. now is the
// clock.
func NewSigner(key []byte, now func() time.Time) (*Signer, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("the signing key has %d bytes: it must have at least %d, such as \"openssl rand -hex 32\" makes", len(key), MinKey)
	}
	return &Signer{key: key, now: now}, nil
}

// sign returns the value of the signature's header.
func (s *Signer) sign(method, target string, values []string) string {
	t := strconv.FormatInt(s.now().Unix(), 10)
	text := make([]byte, 0, 512)
	text = append(text, "v1\n"...)
	text = append(text, t...)
	text = append(append(text, '\n'), method...)
	text = append(append(text, '\n'), target...)
	for _, v := range values {
		text = append(append(text, '\n'), v...)
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write(text)
	return "v1;t=" + t + ";s=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
