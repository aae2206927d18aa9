package sparekey

import (
	"encoding/binary"
	"reflect"
	"time"
)

// A record is an identity as text without pointers: its times, numbers and texts, the
// roles, and what is true or false, as varints (encoding/binary) and as
// texts after their lengths.

// times, numbers and texts are the fields that a record holds, besides the roles and the
// flags. An identity with any other field set is not cached.
func (id *Identity) times() [7]*time.Time {
	c := &id.Credential
	return [...]*time.Time{&id.User.Registered, &c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil, &id.ExpiresSoon, &id.OldSecretUntil}
}

func (id *Identity) numbers() [2]*int {
	return [...]*int{&id.Credential.Limits.MaxUses, &id.Credential.Uses}
}

func (id *Identity) texts() [14]*string {
	u, c := &id.User, &id.Credential
	return [...]*string{
		&u.ID, &u.Login, &u.Email, &u.DisplayName,
		&c.UUID, &c.UserID, &c.AppID, &c.Name, &c.Hash, &c.LastIP,
		(*string)(&c.Limits.Scopes), (*string)(&c.Limits.Networks), &c.OldHash, &id.Rule,
	}
}

// newRecord encodes an identity. ok is false if decoding would not return exactly the same
// identity, which then must not be cached.
func newRecord(id Identity) (record string, ok bool) {
	var w recordWriter
	for _, t := range id.times() {
		*t = t.UTC().Round(0) // a directory or a store may have it from anywhere
		w.time(*t)
	}
	for _, n := range id.numbers() {
		w.number(uint64(*n)) //nolint:gosec // comes back as it was
	}
	for _, s := range id.texts() {
		w.text(*s)
	}
	w.roles(id.User.Roles)
	w.flag(id.OldSecret)
	w.flag(id.Credential.HashUnused)
	if len(w.record) > longestRecord {
		return "", false
	}
	record = string(w.record)
	var again Identity
	readRecord(record, &again)
	return record, reflect.DeepEqual(again, id)
}

// readRecord fills in the identity that a record was made from. It shares the
// record's text, and nothing that can be changed.
func readRecord(record string, id *Identity) {
	r := recordReader{record}
	for _, t := range id.times() {
		*t = r.time()
	}
	for _, n := range id.numbers() {
		*n = int(r.number()) //nolint:gosec // as it was
	}
	for _, s := range id.texts() {
		*s = r.text()
	}
	id.User.Roles = r.roles()
	id.OldSecret = r.flag()
	id.Credential.HashUnused = r.flag()
}

// year1 is the zero time in Unix seconds. Records count from there, so that one
// without a time takes the least.
const year1 = -62135596800

type recordWriter struct{ record []byte }

func (w *recordWriter) number(n uint64) { w.record = binary.AppendUvarint(w.record, n) }

func (w *recordWriter) time(t time.Time) {
	w.number(uint64(t.Unix() - year1)) //nolint:gosec // comes back as it was
	w.number(uint64(t.Nanosecond()))   //nolint:gosec // not negative
}

func (w *recordWriter) text(s string) {
	w.number(uint64(len(s)))
	w.record = append(w.record, s...)
}

// roles writes how many there are plus one, or 0 for nil.
func (w *recordWriter) roles(roles []string) {
	if roles == nil {
		w.number(0)
		return
	}
	w.number(uint64(len(roles)) + 1)
	for _, role := range roles {
		w.text(role)
	}
}

func (w *recordWriter) flag(set bool) {
	if set {
		w.number(1)
	} else {
		w.number(0)
	}
}

// recordReader reads what a recordWriter wrote, in the same order.
type recordReader struct{ rest string }

func (r *recordReader) number() uint64 {
	n, size := binary.Uvarint([]byte(r.rest)) // which copies nothing
	r.rest = r.rest[size:]
	return n
}

func (r *recordReader) time() time.Time {
	seconds := int64(r.number()) + year1               //nolint:gosec // as it was
	return time.Unix(seconds, int64(r.number())).UTC() //nolint:gosec // as it was
}

func (r *recordReader) text() (s string) {
	n := r.number()
	s, r.rest = r.rest[:n], r.rest[n:]
	return s
}

func (r *recordReader) roles() []string {
	n := r.number()
	if n == 0 {
		return nil
	}
	roles := make([]string, n-1)
	for i := range roles {
		roles[i] = r.text()
	}
	return roles
}

func (r *recordReader) flag() bool { return r.number() == 1 }
