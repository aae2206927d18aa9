package wordpress

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// maxRow bounds how large a user's row may be: some 120,000 application passwords.
const maxRow = 32 << 20

// entry is one entry of a user's row. An unchanged one is written byte for byte as it was
// read.
type entry struct {
	key        string // of the list, encoded
	record     string // encoded
	credential sparekey.Credential
	isRecord   bool // false: not a credential, and only kept
	hasUUID    bool
}

func newEntry(key, userID string, v phpserial.Value) entry {
	e := entry{key: key, record: v.Encoding()}
	e.credential, e.isRecord, e.hasUUID = readRecord(userID, v)
	return e
}

func (e entry) value() phpserial.Value {
	v, err := phpserial.Decode(e.record)
	if err != nil {
		panic("wordpress: a record that was read cannot be read: " + err.Error())
	}
	return v
}

func (e entry) with(v phpserial.Value) entry { return newEntry(e.key, e.credential.UserID, v) }

func parseRow(userID, raw string) ([]entry, error) {
	if raw == "" { // WordPress reads it as an empty list
		return nil, nil
	}
	list, err := phpserial.Decode(raw)
	if err != nil {
		return nil, err
	}
	if list.Kind() != phpserial.Array {
		return nil, errors.New("the value is not a list")
	}
	entries := make([]entry, 0, len(list.Pairs()))
	for _, p := range list.Pairs() {
		entries = append(entries, newEntry(p.Key.Encoding(), userID, p.Value))
	}
	return entries, nil
}

func formatRow(entries []entry) string {
	size := 16
	for _, e := range entries {
		size += len(e.key) + len(e.record)
	}
	var b strings.Builder
	b.Grow(size)
	fmt.Fprintf(&b, "a:%d:{", len(entries))
	for _, e := range entries {
		b.WriteString(e.key)
		b.WriteString(e.record)
	}
	b.WriteByte('}')
	return b.String()
}

// nextKey returns the key of an appended entry, as PHP numbers it.
func nextKey(entries []entry) (string, error) {
	next := int64(0)
	for _, e := range entries {
		n, isNumber := listIndex(e.key)
		if !isNumber || n < next {
			continue
		}
		if n == math.MaxInt64 {
			return "", errors.New("the list is numbered up to the end, so that WordPress could append nothing either")
		}
		next = n + 1
	}
	return phpserial.NewInt(next).Encoding(), nil
}

// listIndex returns the number of a key. PHP also turns a decimal text into a number.
func listIndex(key string) (n int64, ok bool) {
	text := strings.TrimSuffix(strings.TrimPrefix(key, "i:"), ";")
	if _, quoted, isText := strings.Cut(key, `"`); isText {
		text = strings.TrimSuffix(quoted, `";`)
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || strconv.FormatInt(n, 10) != text {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// giveUUIDs returns the entries with a UUID in each record, appended to the record as
// WordPress does. It does not modify its argument; changed reports whether one was missing.
func giveUUIDs(entries []entry) (all []entry, changed bool) {
	for i, e := range entries {
		if !e.isRecord || e.hasUUID {
			continue
		}
		if !changed {
			entries, changed = slices.Clone(entries), true
		}
		entries[i] = e.with(e.value().With("uuid", phpserial.NewString(newUUID())))
	}
	return entries, changed
}

// newUUID returns a random UUID (RFC 9562, version 4) in lower case.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, as it documents
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// indexOf returns the first credential with this UUID, or -1.
func indexOf(entries []entry, uuid string) int {
	return slices.IndexFunc(entries, func(e entry) bool { return e.isRecord && e.hasUUID && e.credential.UUID == uuid })
}
