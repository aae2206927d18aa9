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

// maxEarlier is how many earlier connections the authorise screen shows.
const maxEarlier = 10

// connection is an earlier connection of an application, on the authorise screen.
type connection struct {
	UUID    string
	Name    string
	Created time.Time
	When    timed // text: when it was connected
	Chosen  bool
}

// earlierConnections returns the user's application passwords with this app ID, newest first.
// Without an app ID, there are none.
func (c *call) earlierConnections(appID string) ([]sparekey.Credential, error) {
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

// connections describes the earlier connections for the screen. Only the user's own form ticks
// one; parameters of the application do not.
func (c *call) connections(appID string) ([]connection, error) {
	list, err := c.earlierConnections(appID)
	var rows []connection
	var ticked []string
	if c.r.Method == http.MethodPost {
		ticked = c.fields()[fieldReplace]
	}
	for _, cr := range list[:min(len(list), maxEarlier)] {
		rows = append(rows, connection{
			UUID: cr.UUID, Name: displayText(cr.Name), Created: cr.Created,
			When:   c.lang.timed("authorize.before_when", cr.Created),
			Chosen: slices.Contains(ticked, cr.UUID),
		})
	}
	return rows, err
}

// replaced returns the earlier connections that the user chose to replace. It ignores UUIDs of
// other applications' passwords.
func (c *call) replaced(appID string) ([]string, error) {
	chosen := c.fields()[fieldReplace]
	if len(chosen) == 0 {
		return nil, nil
	}
	list, err := c.earlierConnections(appID)
	var uuids []string
	for _, cr := range list {
		if slices.Contains(chosen, cr.UUID) {
			uuids = append(uuids, cr.UUID)
		}
	}
	return uuids, err
}

// maxNameRetries is how often a numbered name is retried after another request took it.
const maxNameRetries = 8

// withFreeName calls do with a name that is not in use. Where names must be unique, an application
// cannot know which ones its user has, so a name in use gets a number, as in "App (2)".
func withFreeName(existing func() ([]sparekey.Credential, error), n sparekey.NewCredential, do func(sparekey.NewCredential) error) error {
	wanted := wpname.Sanitize(n.Name)
	err := do(n)
	for range maxNameRetries {
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

// freeName adds the lowest free number from 2 on.
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
