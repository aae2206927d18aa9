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

// element is one entry of a user's row. An unchanged one is written as it was read.
type element struct {
	key        string // of the list, encoded
	record     string // encoded
	credential sparekey.Credential
	isRecord   bool // credential is one; false: the entry is only kept
	hasUUID    bool
}

func newElement(key, userID string, v phpserial.Value) element {
	e := element{key: key, record: v.Encoding()}
	e.credential, e.isRecord, e.hasUUID = readRecord(userID, v)
	return e
}

// value reads the entry again.
func (e element) value() phpserial.Value {
	v, err := phpserial.Decode(e.record)
	if err != nil {
		panic("wordpress: a record that was read cannot be read: " + err.Error())
	}
	return v
}

// with returns the entry with another record, in the same place.
func (e element) with(v phpserial.Value) element { return newElement(e.key, e.credential.UserID, v) }

// parseRow reads a user's row.
func parseRow(userID, raw string) ([]element, error) {
	if raw == "" { // which WordPress takes for an empty list, and where there is nothing to lose
		return nil, nil
	}
	list, err := phpserial.Decode(raw)
	if err != nil {
		return nil, err
	}
	if list.Kind() != phpserial.Array {
		return nil, errors.New("the value is not a list")
	}
	elements := make([]element, 0, len(list.Pairs()))
	for _, p := range list.Pairs() {
		elements = append(elements, newElement(p.Key.Encoding(), userID, p.Value))
	}
	return elements, nil
}

// formatRow is the row of these entries.
func formatRow(elements []element) string {
	size := 16
	for _, e := range elements {
		size += len(e.key) + len(e.record)
	}
	var b strings.Builder
	b.Grow(size)
	fmt.Fprintf(&b, "a:%d:{", len(elements))
	for _, e := range elements {
		b.WriteString(e.key)
		b.WriteString(e.record)
	}
	b.WriteByte('}')
	return b.String()
}

// nextKey is the key of an entry that is appended, as PHP counts.
func nextKey(elements []element) (string, error) {
	next := int64(0)
	for _, e := range elements {
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

// listIndex is the number of a key, which PHP makes of a text that is one, too.
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

// giveUUIDs gives a UUID to each record that has none, at its end as WordPress
// does. changed says whether there was one; the given entries stay as they are.
func giveUUIDs(elements []element) (all []element, changed bool) {
	for i, e := range elements {
		if !e.isRecord || e.hasUUID {
			continue
		}
		if !changed {
			elements, changed = slices.Clone(elements), true
		}
		elements[i] = e.with(e.value().With("uuid", phpserial.NewString(newUUID())))
	}
	return elements, changed
}

// newUUID returns a random UUID (RFC 9562, version 4) in lower case.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, as it documents
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// indexOf is the place of the first credential with this UUID, or -1.
func indexOf(elements []element, uuid string) int {
	return slices.IndexFunc(elements, func(e element) bool { return e.isRecord && e.hasUUID && e.credential.UUID == uuid })
}
