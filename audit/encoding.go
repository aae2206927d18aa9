package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf16"
)

// Version is that of the encoding which this package writes. It reads no other.
const Version = 1

// maxLine is the most bytes that a line may have. This package writes far shorter ones.
const maxLine = 1 << 20

// Hash is a hash of a line's text. The line holds it, and so does the next one.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// UnmarshalText reads what String returns.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash has %d hexadecimal digits, not %d", hex.EncodedLen(len(h)), len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Key keys the hashes of a log, so that a person with the store but without the key cannot
// make them. Without a key, anyone with the store can.
type Key []byte

// hash returns the hash of a record: the SHA-256, or with a key the HMAC-SHA256,
// of its line up to the member hash.
func (k Key) hash(r Record) Hash {
	if len(k) == 0 {
		return sha256.Sum256([]byte(r.body()))
	}
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(r.body()))
	return Hash(mac.Sum(nil))
}

// Line returns the record as the log keeps it: one JSON object on one line of
// printable ASCII, its members in the order of the fields of [Record], nothing
// between them, and of every record the same bytes. In strings, the quotation
// mark and the backslash have a backslash before them, and everything outside of
// ASCII's printable characters is \uXXXX in lower case.
func (r Record) Line() string { return r.body() + `,"hash":"` + r.Hash.String() + `"}` }

// body is the line as far as it is hashed.
func (r Record) body() string {
	w := lineWriter{}
	w.number("v", Version)
	w.number("seq", r.Seq)
	w.text("prev", r.Prev.String())
	w.text("time", r.Time.UTC().Format(time.RFC3339))
	w.text("kind", string(r.Kind))
	w.some("user", r.User)
	w.some("login", r.Login)
	w.some("credential", r.Credential)
	w.some("name", r.Name)
	w.some("actor", r.Actor)
	w.some("actor_login", r.ActorLogin)
	w.some("operator", r.Operator)
	w.some("by", r.By)
	if r.Addr.IsValid() {
		w.text("addr", r.Addr.String())
	}
	w.some("method", r.Method)
	w.some("path", r.Path)
	w.some("rule", r.Rule)
	w.some("reason", string(r.Reason))
	w.time("expires", r.Expires)
	w.list("scopes", r.Scopes)
	w.list("networks", r.Networks)
	w.count("max_uses", r.MaxUses)
	w.time("old_until", r.OldUntil)
	w.list("roles", r.Roles)
	w.count("count", r.Count)
	w.time("since", r.Since)
	if r.Overflow {
		w.member("folded", "true")
	}
	if r.Through > 0 {
		w.number("through", r.Through)
		w.text("through_hash", r.ThroughHash.String())
	}
	return w.String()
}

// lineWriter writes the members of a line.
type lineWriter struct{ bytes.Buffer }

func (w *lineWriter) key(key string) {
	w.WriteByte("{,"[min(w.Len(), 1)])
	w.WriteString(`"` + key + `":`)
}

func (w *lineWriter) member(key, value string) {
	w.key(key)
	w.WriteString(value)
}

func (w *lineWriter) number(key string, n uint64) { w.member(key, strconv.FormatUint(n, 10)) }

func (w *lineWriter) text(key, s string) {
	w.key(key)
	w.quote(s)
}

// some, time, list and count write what is not zero.
func (w *lineWriter) some(key, s string) {
	if s != "" {
		w.text(key, s)
	}
}

func (w *lineWriter) time(key string, t time.Time) {
	if !t.IsZero() {
		w.text(key, t.UTC().Format(time.RFC3339))
	}
}

func (w *lineWriter) list(key string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(key)
	for i, s := range list {
		w.WriteByte("[,"[min(i, 1)])
		w.quote(s)
	}
	w.WriteByte(']')
}

func (w *lineWriter) count(key string, n int) {
	if n > 0 {
		w.number(key, uint64(n))
	}
}

func (w *lineWriter) quote(s string) {
	w.WriteByte('"')
	for _, r := range s { // ranging gives U+FFFD for invalid UTF-8
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteByte(byte(r))
		case ' ' <= r && r <= '~':
			w.WriteByte(byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(w, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(w, `\u%04x`, r)
		}
	}
	w.WriteByte('"')
}

// ParseLine reads a line. It takes none that [Record.Line] would write otherwise,
// so that a line cannot say one thing to this program and another to others. It
// does not verify the hash.
func ParseLine(line string) (Record, error) {
	if len(line) > maxLine {
		return Record{}, fmt.Errorf("the line has more than %d bytes", maxLine)
	}
	var r Record
	d := json.NewDecoder(bytes.NewReader([]byte(line)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		if errors.Is(err, io.EOF) {
			return Record{}, errors.New("the line is empty")
		}
		return Record{}, fmt.Errorf("the line is not a record: %w", err)
	}
	if r.Version != Version {
		return Record{}, fmt.Errorf("the line has version %d of the encoding, and this program knows only version %d: use a newer one", r.Version, Version)
	}
	if r.Line() != line {
		return Record{}, errors.New("the line is not written as this program writes records")
	}
	return r, nil
}
