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
//	length (2) of each of texts
//	number of roles (2), where 0 says nil and 1 says none
//	the texts
//	length (2) and text of each role
const (
	timeFields, textFields = 3, 10

	timeSize, lengthSize = 12, 2

	headSize = timeFields*timeSize + (textFields+1)*lengthSize
)

// texts and times are what is in a record, beside the roles. A field that is not
// keeps an identity that has it from being remembered.
func (id *Identity) texts() [textFields]*string {
	u, c := &id.User, &id.Credential
	return [...]*string{
		&u.ID, &u.Login, &u.Email, &u.DisplayName,
		&c.UUID, &c.UserID, &c.AppID, &c.Name, &c.Hash, &c.LastIP,
	}
}

func (id *Identity) times() [timeFields]*time.Time {
	return [...]*time.Time{&id.User.Registered, &id.Credential.Created, &id.Credential.LastUsed}
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
	r := make([]byte, 0, size)
	for _, t := range id.times() {
		r = binary.LittleEndian.AppendUint64(r, uint64(t.Unix()))       //nolint:gosec // comes back as it was
		r = binary.LittleEndian.AppendUint32(r, uint32(t.Nanosecond())) //nolint:gosec // less than 10^9
	}
	for _, s := range id.texts() {
		r = appendLength(r, len(*s))
	}
	r = appendLength(r, countRoles(id.User.Roles))
	for _, s := range id.texts() {
		r = append(r, *s...)
	}
	for _, role := range id.User.Roles {
		r = append(appendLength(r, len(role)), role...)
	}
	record = string(r)
	return record, reflect.DeepEqual(readRecord(record), id)
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

// readRecord returns the identity that a record was made from. It shares the
// record's text, and nothing that can be changed.
func readRecord(record string) (id Identity) {
	head, rest := record[:headSize], record[headSize:]
	for _, t := range id.times() {
		*t = readTime(head)
		head = head[timeSize:]
	}
	for _, s := range id.texts() {
		n := readLength(head)
		*s, rest, head = rest[:n], rest[n:], head[lengthSize:]
	}
	if n := readLength(head); n > 0 {
		id.User.Roles = readRoles(rest, n-1)
	}
	return id
}

func readTime(s string) time.Time {
	_ = s[timeSize-1]
	seconds := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	nanoseconds := uint32(s[8]) | uint32(s[9])<<8 | uint32(s[10])<<16 | uint32(s[11])<<24
	return time.Unix(int64(seconds), int64(nanoseconds)).UTC() //nolint:gosec // as it was
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
