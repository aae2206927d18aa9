package wordpress

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// maxUUID is how long a UUID may be here. WordPress makes those of 36 bytes, and
// takes any text for one.
const maxUUID = 191

// latest is the last second that has a year of four digits.
const latest = 253402300799

// readRecord makes a credential of a record. isRecord is false for an entry that WordPress
// could not have written, which is not a credential. hasUUID is false for a record that cannot
// be addressed, and has to be given a UUID.
//
// WordPress is lenient, and so is this: numbers may be texts or floats, and missing fields are
// empty, except for the UUID and the hash. A record without a hash can be listed and revoked,
// and matches no secret.
func readRecord(userID string, v phpserial.Value) (c sparekey.Credential, isRecord, hasUUID bool) {
	if v.Kind() != phpserial.Array {
		return c, false, false
	}
	c.UserID = userID
	for _, p := range v.Pairs() {
		key, _ := p.Key.Text()
		switch key {
		case "uuid":
			c.UUID, _ = p.Value.Text()
		case "app_id":
			c.AppID = plain(p.Value)
		case "name":
			c.Name = plain(p.Value)
		case "password":
			c.Hash, _ = p.Value.Text()
		case "created":
			c.Created = seconds(p.Value)
		case "last_used":
			c.LastUsed = seconds(p.Value)
		case "last_ip":
			c.LastIP = plain(p.Value)
		}
	}
	return c, len(c.UUID) <= maxUUID, c.UUID != ""
}

// plain is a value as text. A value that is not a scalar is empty.
func plain(v phpserial.Value) string {
	if text, ok := v.Text(); ok {
		return text
	}
	text, _ := v.Scalar()
	return text
}

// seconds is a time in Unix seconds, as a number or a text of one. PHP cuts off fractions. A
// text that is not a number, and a time before 1970, give the zero time.
func seconds(v phpserial.Value) time.Time {
	text := strings.TrimSpace(plain(v))
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > latest {
			return time.Time{}
		}
		n = int64(f)
	}
	if n <= 0 || n > latest {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// newRecord is a credential as WordPress 7.1 writes one, in the order of its keys.
func newRecord(c sparekey.Credential) phpserial.Value {
	pair := func(key string, v phpserial.Value) phpserial.Pair {
		return phpserial.Pair{Key: phpserial.NewString(key), Value: v}
	}
	return phpserial.NewArray(
		pair("uuid", phpserial.NewString(c.UUID)),
		pair("app_id", phpserial.NewString(c.AppID)),
		pair("name", phpserial.NewString(c.Name)),
		pair("password", phpserial.NewString(c.Hash)),
		pair("created", phpserial.NewInt(unix(c.Created))),
		pair("last_used", lastUsed(c)),
		pair("last_ip", lastIP(c)),
	)
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func lastUsed(c sparekey.Credential) phpserial.Value {
	if c.LastUsed.IsZero() {
		return phpserial.Value{}
	}
	return phpserial.NewInt(c.LastUsed.Unix())
}

func lastIP(c sparekey.Credential) phpserial.Value {
	if c.LastIP == "" {
		return phpserial.Value{}
	}
	return phpserial.NewString(c.LastIP)
}

// changeRecord writes into a record what differs between two states of its
// credential, and leaves the rest as it is.
func changeRecord(v phpserial.Value, before, after sparekey.Credential) phpserial.Value {
	if after.AppID != before.AppID {
		v = v.With("app_id", phpserial.NewString(after.AppID))
	}
	if after.Name != before.Name {
		v = v.With("name", phpserial.NewString(after.Name))
	}
	if after.Hash != before.Hash {
		v = v.With("password", phpserial.NewString(after.Hash))
	}
	if !after.Created.Equal(before.Created) {
		v = v.With("created", phpserial.NewInt(unix(after.Created)))
	}
	if !after.LastUsed.Equal(before.LastUsed) {
		v = v.With("last_used", lastUsed(after))
	}
	if after.LastIP != before.LastIP {
		v = v.With("last_ip", lastIP(after))
	}
	return v
}
