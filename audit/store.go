package audit

import (
	"context"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// Store is an optional interface of a [sparekey.Store] that can keep the log, and
// what is counted of uses. It knows nothing of chains. Package storetest has the
// suite that every implementation must pass; what it demands of a
// [sparekey.Store] of writes, concurrency and errors holds here as well.
type Store interface {
	// AppendAudit appends what build makes of the last line, or of the zero Line
	// where there is none, in one atomic step: no other line comes in between,
	// in whichever process. build may run more than once. Where it returns an
	// error, nothing is written and AppendAudit returns that error.
	AppendAudit(ctx context.Context, build func(last Line) (Addition, error)) error

	// ReadAudit returns the selected lines in the order of their numbers, or the
	// other way round if the query says so.
	ReadAudit(ctx context.Context, q Query) ([]Line, error)

	// AddUsage adds to what is counted, and keeps the addresses of each
	// credential that were seen last, so many. It leaves out what it does not
	// know as a credential; what is counted goes with the credential.
	AddUsage(ctx context.Context, all []Usage, addresses int) error

	// Usage returns what was counted of a credential, with the address that was
	// seen last at first.
	Usage(ctx context.Context, uuid string) (Usage, error)
}

// Line is a line of the log, with its number, so that a store need not parse it.
type Line struct {
	Seq  uint64
	Text string // see [Record.Line]
}

// Addition is what is done to a log in one step.
type Addition struct {
	Lines   []Line // to be appended in this order
	Through uint64 // lines up to this number are removed; 0: none are
}

// Query selects lines. Zero fields select everything.
type Query struct {
	After      uint64 // only lines with a higher number
	Before     uint64 // only lines with a lower number
	User       string // ID of a user that the record is about, or who acted
	Credential string // UUID of the credential that the record is about
	Kinds      []sparekey.Kind
	Since      time.Time // not before this time
	Until      time.Time // before this time
	Newest     bool      // the last line first
	Limit      int       // how many at most; 0: all
}

// Usage is how often a credential was used, and from where.
type Usage struct {
	User       string // ID of the owner, for stores that find a credential with it only; of AddUsage alone
	Credential string // UUID
	Count      int
	Addresses  []Address
}

// Address is an address that a credential was used from.
type Address struct {
	Addr        string
	First, Last time.Time // UTC, whole seconds
}
