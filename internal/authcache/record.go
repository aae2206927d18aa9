package authcache

import (
	"encoding/binary"
	"time"
)

// RecordWriter makes a record of values without pointers: numbers as varints (encoding/binary),
// texts after their lengths. A [RecordReader] reads them back in the same order.
type RecordWriter []byte

// Number appends a number.
func (w *RecordWriter) Number(n int64) { *w = binary.AppendUvarint(*w, uint64(n)) } //nolint:gosec // read as it was

// Text appends a text.
func (w *RecordWriter) Text(s string) {
	w.Number(int64(len(s)))
	*w = append(*w, s...)
}

// Flag appends a truth value.
func (w *RecordWriter) Flag(set bool) {
	n := int64(0)
	if set {
		n = 1
	}
	w.Number(n)
}

// year1 is the zero time in Unix seconds. Records count from there, so that a missing time
// takes one byte.
const year1 = -62135596800

// Time appends a time, without its location.
func (w *RecordWriter) Time(t time.Time) {
	w.Number(t.Unix() - year1)
	w.Number(int64(t.Nanosecond()))
}

// RecordReader is the rest of a record. It panics on what no [RecordWriter] made.
type RecordReader string

// Number reads a number.
func (r *RecordReader) Number() int64 {
	n, size := binary.Uvarint([]byte(*r)) // the compiler makes no copy here
	*r = (*r)[size:]
	return int64(n) //nolint:gosec // as it was
}

// Text reads a text, which is a part of the record.
func (r *RecordReader) Text() (s string) {
	n := r.Number()
	s, *r = string((*r)[:n]), (*r)[n:]
	return s
}

// Flag reads a truth value.
func (r *RecordReader) Flag() bool { return r.Number() == 1 }

// Time reads a time, in UTC.
func (r *RecordReader) Time() time.Time {
	seconds := r.Number() + year1
	return time.Unix(seconds, r.Number()).UTC()
}
