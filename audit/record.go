package audit

import (
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// Kinds of records that are not kinds of events.
const (
	KindUsed       sparekey.Kind = "used"       // attempts that succeeded; Count says how many
	KindCheckpoint sparekey.Kind = "checkpoint" // the lines up to Through were removed, since they had been kept for long enough
)

// The kinds of records about main passwords and users, which are not events of a
// credential either. Observe counts the first three, apart from attempts with
// credentials. Record writes the others.
const (
	KindSignedIn            sparekey.Kind = "signed_in"             // a main password was right, where the pages asked for it
	KindSignInRefused       sparekey.Kind = "sign_in_refused"       // it was not, or there were too many tries; Reason says why
	KindSignedOut           sparekey.Kind = "signed_out"            // a user ended the session of one browser
	KindSignedOutEverywhere sparekey.Kind = "signed_out_everywhere" // a user ended all of their sessions
	KindUserCreated         sparekey.Kind = "user_created"          // Roles are what they got
	KindUserDeleted         sparekey.Kind = "user_deleted"
	KindRoleSet             sparekey.Kind = "role_set"         // Roles are what they have now
	KindPasswordReset       sparekey.Kind = "password_reset"   // a user got another main password
	KindEmailSet            sparekey.Kind = "email_set"        // a user got another e-mail address
	KindDisplayNameSet      sparekey.Kind = "display_name_set" // a user got another name to show
)

// Record is one entry of the log. Its line leaves out zero fields, except the first five and
// the last. The tags are the names in a line, in their order.
type Record struct {
	Version int           `json:"v"`
	Seq     uint64        `json:"seq"`  // from 1, without gaps
	Prev    Hash          `json:"prev"` // of the line before; zeros for the first
	Time    time.Time     `json:"time"` // UTC, whole seconds; of uses and refusals the last one's
	Kind    sparekey.Kind `json:"kind"`

	User       string `json:"user"`  // ID of the credential's owner or the user it is about; of a refusal: of the user with that login
	Login      string `json:"login"` // theirs
	Credential string `json:"credential"`
	Name       string `json:"name"` // of the credential, as it was then

	Actor      string `json:"actor"` // ID of who managed
	ActorLogin string `json:"actor_login"`
	Operator   string `json:"operator"` // who managed with the machine in hand, such as on the command line
	By         string `json:"by"`       // UUID of the credential that was used to manage

	Addr   netip.Addr      `json:"addr"` // the caller's
	Method string          `json:"method"`
	Path   string          `json:"path"` // without the query; where Count is above 1, the first request's
	Rule   string          `json:"rule"` // of the credential, that let the request through
	Reason sparekey.Reason `json:"reason"`

	Expires  time.Time `json:"expires"` // of the credential, as created or limited
	Scopes   []string  `json:"scopes"`
	Networks []string  `json:"networks"`
	MaxUses  int       `json:"max_uses"`
	OldUntil time.Time `json:"old_until"` // until when the secret from before a rotation stays valid
	Roles    []string  `json:"roles"`     // of the user, as created or set

	Count    int       `json:"count"`  // how many the record stands for, where it is more than one
	Since    time.Time `json:"since"`  // when the first of them was
	Overflow bool      `json:"folded"` // from more callers than are counted separately; only Kind, Reason and, if set, User and Credential are common to all

	Through     uint64 `json:"through"`      // of a checkpoint: the last line that was removed
	ThroughHash Hash   `json:"through_hash"` // and its hash

	Hash Hash `json:"hash"` // of all the above
}
