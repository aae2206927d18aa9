package sparekey

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/sparekey-dev/sparekey/internal/visible"
	"github.com/sparekey-dev/sparekey/internal/wpname"
	"github.com/sparekey-dev/sparekey/passhash"
)

// Credential is the stored record of one application password. Times are in whole seconds;
// compare records with Equal.
type Credential struct {
	UUID     string // version 4, lower case; identifies the credential to clients
	UserID   string // the owner
	AppID    string // UUID that the application chose for itself, or empty
	Name     string // sanitised, never empty
	Hash     string // one-way; see package passhash
	Created  time.Time
	LastUsed time.Time // zero until the first use; refreshed once per [Config.UsageInterval]
	LastIP   string    // the caller's address at LastUsed; empty until the first use

	Limits Limits // the limits of its use
	Uses   int    // how often it was used, counted only if Limits.MaxUses is set

	OldHash  string    // of the secret before the last rotation, or empty
	OldUntil time.Time // the end of its grace period

	// HashUnused says that Hash is from a rotation, and that no use of its secret was
	// recorded since. See [Manager.Rotate].
	HashUnused bool
}

// Equal reports whether both records are the same. Unlike ==, it takes times for equal that
// are the same instant.
func (c Credential) Equal(other Credential) bool {
	if !c.Created.Equal(other.Created) || !c.LastUsed.Equal(other.LastUsed) ||
		!c.OldUntil.Equal(other.OldUntil) || !c.Limits.Equal(other.Limits) {
		return false
	}
	c.Created, c.LastUsed, c.OldUntil, c.Limits = other.Created, other.LastUsed, other.OldUntil, other.Limits
	return c == other
}

// IsLegacy reports whether a secret has to be tried on the credential, because it cannot be
// found by its hash: Hash or OldHash is not a $generic$ hash, but from before WordPress 6.8
// or from an import.
func (c Credential) IsLegacy() bool {
	return !passhash.IsGeneric(c.Hash) || c.OldHash != "" && !passhash.IsGeneric(c.OldHash)
}

// WholeSeconds returns the credential with its times as stores keep them.
func (c Credential) WholeSeconds() Credential {
	for _, t := range []*time.Time{&c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil} {
		*t = t.UTC().Truncate(time.Second)
	}
	return c
}

// LogValue logs the UUID, the user and the name, and never a hash.
func (c Credential) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("uuid", c.UUID), slog.String("user", c.UserID), slog.String("name", c.Name))
}

// Format prints the fields as they are, and "[redacted]" for the hashes.
func (c Credential) Format(f fmt.State, verb rune) {
	type fields Credential // which has no Format
	for _, hash := range []*string{&c.Hash, &c.OldHash} {
		if *hash != "" {
			*hash = redacted
		}
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), fields(c))
}

// NewCredential describes an application password to create.
type NewCredential struct {
	// Name is required. It is sanitised as WordPress 7.1 does it, to one line of text without
	// markup and percent-encoded bytes, and loses control characters as well.
	Name   string
	AppID  string // optional; UUID in lower case
	Limits Limits // optional

	// Replaces holds the UUIDs of credentials of the same user that the new one replaces:
	// they count neither for duplicate names nor towards [Policy.MaxPerUser], and are revoked
	// once the new one exists. UUIDs that the user does not have are ignored.
	Replaces []string
}

var appIDPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// ValidAppID reports whether id can be a credential's AppID: empty, or a UUID of
// any version in lower case.
func ValidAppID(id string) bool { return id == "" || appIDPattern.MatchString(id) }

// build makes the record of a new credential, or an [*InvalidError].
func (n NewCredential) build(userID, hash string, now time.Time) (Credential, error) {
	name, err := validName(n.Name)
	if err != nil {
		return Credential{}, err
	}
	if !ValidAppID(n.AppID) {
		return Credential{}, &InvalidError{"app_id", "must be a UUID in lower case, or be left out"}
	}
	return Credential{
		UUID: newUUID(), UserID: userID, AppID: n.AppID, Name: name, Hash: hash, Created: now,
	}, nil
}

// MaxNameLength is how many bytes the name of a credential may have, once it is
// sanitised.
const MaxNameLength = 4096

// validName sanitises a name, drops control characters, which WordPress keeps, and refuses
// what is then not a name. WordPress takes "0" for no name as well, and clients rely on both
// sides agreeing. Beyond WordPress, a name has something to see.
func validName(name string) (string, error) {
	name = wpname.Sanitize(name)
	if strings.ContainsFunc(name, unicode.IsControl) {
		name = wpname.Sanitize(strings.Map(dropControl, name)) // dropping may leave "%4" and "1" together
	}
	switch {
	case name == "0":
		return "", &InvalidError{"name", `must not be "0", which WordPress takes for no name: say which application the password is for`}
	case !visible.In(name):
		return "", &InvalidError{"name", "must not be empty, and needs a character that can be seen: say which application the password is for"}
	}
	if len(name) > MaxNameLength {
		return "", ErrNameTooLong
	}
	return name, nil
}

// dropControl is for strings.Map. White space that separates words stays.
func dropControl(c rune) rune {
	if unicode.IsControl(c) && !unicode.IsSpace(c) {
		return -1
	}
	if unicode.IsControl(c) { // another kind of line break
		return ' '
	}
	return c
}

// newUUID returns a random UUID (RFC 9562, version 4) in lower case.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, as it documents
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	for i, at := 0, 0; i < len(b); i, at = i+1, at+2 {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		hex.Encode(text[at:], b[i:i+1])
	}
	return string(text[:])
}
