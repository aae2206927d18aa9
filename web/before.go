package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/wpname"
)

// fieldReplace holds, once for each, the UUIDs of the application passwords that a
// connection replaces.
const fieldReplace = "replace"

// maxBefore is how many earlier connections the authorise screen shows.
const maxBefore = 10

// connection is an earlier connection of an application, on the authorise screen.
type connection struct {
	UUID    string
	Name    string
	Created time.Time
	When    timed // text: when it was connected
	Chosen  bool
}

// before returns the user's application passwords with this app ID, newest first. An
// application that has no app ID cannot be recognised.
func (c *call) before(appID string) ([]sparekey.Credential, error) {
	if appID == "" {
		return nil, nil
	}
	list, err := c.manager().List(c.r.Context(), c.signed.ID)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(cr sparekey.Credential) bool { return cr.AppID != appID })
	slices.Reverse(list)
	return list, nil
}

// connections are the earlier connections as the screen shows them. Those that the user
// has ticked stay ticked; what an application writes into the address ticks none.
func (c *call) connections(appID string) ([]connection, error) {
	list, err := c.before(appID)
	var shownAs []connection
	var ticked []string
	if c.r.Method == http.MethodPost {
		ticked = c.fields()[fieldReplace]
	}
	for _, cr := range list[:min(len(list), maxBefore)] {
		shownAs = append(shownAs, connection{
			UUID: cr.UUID, Name: shown(cr.Name), Created: cr.Created,
			When:   c.lang.timed("authorize.before_when", cr.Created),
			Chosen: slices.Contains(ticked, cr.UUID),
		})
	}
	return shownAs, err
}

// replaced are the UUIDs of earlier connections of the same application that the user
// chose to replace. Other UUIDs in the form count for nothing: a connection ends no
// other application's.
func (c *call) replaced(appID string) ([]string, error) {
	chosen := c.fields()[fieldReplace]
	if len(chosen) == 0 {
		return nil, nil
	}
	list, err := c.before(appID)
	var uuids []string
	for _, cr := range list {
		if slices.Contains(chosen, cr.UUID) {
			uuids = append(uuids, cr.UUID)
		}
	}
	return uuids, err
}

// maxNumbered is how often a name is numbered anew because another request took the
// number meanwhile.
const maxNumbered = 8

// numbered calls do with a credential whose name is free, where names must be unique on
// this site: an application cannot know which names its user has. A name that is taken
// gets a number, as in "App (2)".
func numbered(existing func() ([]sparekey.Credential, error), n sparekey.NewCredential, do func(sparekey.NewCredential) error) error {
	wanted := wpname.Sanitize(n.Name)
	err := do(n)
	for range maxNumbered {
		if !errors.Is(err, sparekey.ErrDuplicateName) {
			return err
		}
		list, listErr := existing()
		if listErr != nil {
			return listErr
		}
		n.Name = freeName(wanted, list)
		err = do(n)
	}
	return err
}

// freeName is a name with the lowest number from 2 that no credential in a list has.
func freeName(name string, list []sparekey.Credential) string {
	taken := make(map[string]bool, len(list))
	for _, cr := range list {
		taken[strings.ToLower(cr.Name)] = true
	}
	for i := 2; ; i++ {
		suffix := fmt.Sprintf(" (%d)", i)
		free := strings.ToValidUTF8(name[:min(len(name), sparekey.MaxNameLength-len(suffix))], "") + suffix
		if !taken[strings.ToLower(free)] {
			return free
		}
	}
}
