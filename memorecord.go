package sparekey

import (
	"encoding/binary"
	"reflect"
	"time"
)

// A record is an identity as text without pointers, which is read in little more
// time than it takes to copy one:
//
//	seconds (8 bytes) and nanoseconds (4) of each of times
//	each of numbers (8)
//	length (2) of each of texts
//	1 or 0 (1) for OldSecret
//	number of roles (2), where 0 says nil and 1 says none
//	the texts
//	length (2) and text of each role
const (
	timeFields, numberFields, textFields = 6, 2, 14

	timeSize, numberSize, lengthSize = 12, 8, 2

	headSize = timeFields*timeSize + numberFields*numberSize + 1 + (textFields+1)*lengthSize
)

// texts, times and numbers are what is in a record, beside the roles and what is
// true or false. A field that is not keeps an identity that has it from being
// remembered.
func (id *Identity) texts() [textFields]*string {
	u, c := &id.User, &id.Credential
	return [...]*string{
		&u.ID, &u.Login, &u.Email, &u.DisplayName,
		&c.UUID, &c.UserID, &c.AppID, &c.Name, &c.Hash, &c.LastIP,
		(*string)(&c.Limits.Scopes), (*string)(&c.Limits.Networks), &c.OldHash, &id.Rule,
	}
}

func (id *Identity) times() [timeFields]*time.Time {
	c := &id.Credential
	return [...]*time.Time{&id.User.Registered, &c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil, &id.ExpiresSoon}
}

func (id *Identity) numbers() [numberFields]*int {
	return [...]*int{&id.Credential.Limits.MaxUses, &id.Credential.Uses}
}

// newRecord returns an identity as a record. ok is false if that would not give it
// back exactly as it is: then it must not be remembered.
func newRecord(id Identity) (record string, ok bool) {
	id.User.Registered = id.User.Registered.UTC().Round(0) // of a directory that may have it from anywhere
	size := headSize
	for _, s := range id.texts() {
		size += len(*s)
	}
	for _, role := range id.User.Roles {
		size += lengthSize + len(role)
	}
	if size > longestRecord {
		return "", false
	}
	r := appendHead(make([]byte, 0, size), &id)
	for _, s := range id.texts() {
		r = append(r, *s...)
	}
	for _, role := range id.User.Roles {
		r = append(appendLength(r, len(role)), role...)
	}
	record = string(r)
	var again Identity
	readRecord(record, &again)
	return record, reflect.DeepEqual(again, id)
}

func appendHead(r []byte, id *Identity) []byte {
	for _, t := range id.times() {
		r = binary.LittleEndian.AppendUint64(r, uint64(t.Unix()))       //nolint:gosec // comes back as it was
		r = binary.LittleEndian.AppendUint32(r, uint32(t.Nanosecond())) //nolint:gosec // less than 10^9
	}
	for _, n := range id.numbers() {
		r = binary.LittleEndian.AppendUint64(r, uint64(*n)) //nolint:gosec // comes back as it was
	}
	for _, s := range id.texts() {
		r = appendLength(r, len(*s))
	}
	if id.OldSecret {
		r = append(r, 1)
	} else {
		r = append(r, 0)
	}
	return appendLength(r, countRoles(id.User.Roles))
}

func countRoles(roles []string) int {
	if roles == nil {
		return 0
	}
	return 1 + len(roles)
}

// appendLength appends what is no more than longestRecord.
func appendLength(r []byte, n int) []byte {
	return binary.LittleEndian.AppendUint16(r, uint16(n)) //nolint:gosec // see above
}

// readRecord fills in the identity that a record was made from. It shares the
// record's text, and nothing that can be changed.
func readRecord(record string, id *Identity) {
	head, rest := record[:headSize], record[headSize:]
	for _, t := range id.times() {
		*t = readTime(head)
		head = head[timeSize:]
	}
	for _, n := range id.numbers() {
		*n = int(readNumber(head)) //nolint:gosec // as it was
		head = head[numberSize:]
	}
	for _, s := range id.texts() {
		n := readLength(head)
		*s, rest, head = rest[:n], rest[n:], head[lengthSize:]
	}
	id.OldSecret, head = head[0] == 1, head[1:]
	if n := readLength(head); n > 0 {
		id.User.Roles = readRoles(rest, n-1)
	}
}

func readTime(s string) time.Time {
	nanoseconds := uint32(s[8]) | uint32(s[9])<<8 | uint32(s[10])<<16 | uint32(s[11])<<24
	return time.Unix(int64(readNumber(s)), int64(nanoseconds)).UTC() //nolint:gosec // as it was
}

func readNumber(s string) uint64 {
	_ = s[numberSize-1]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func readLength(s string) int { return int(s[0]) | int(s[1])<<8 }

func readRoles(s string, n int) []string {
	roles := make([]string, n)
	for i := range roles {
		size := lengthSize + readLength(s)
		roles[i], s = s[lengthSize:size], s[size:]
	}
	return roles
}
