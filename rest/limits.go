package rest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
)

// limitMembers are the limits that an application password has, and those that were requested.
func limitMembers(cr sparekey.Credential, asked []string) object {
	var members object
	show := func(name string, has bool, value any) {
		if has || slices.Contains(asked, name) {
			members = append(members, member{name, value})
		}
	}
	l := cr.Limits
	show("expires", !l.Expires.IsZero(), timeOrNull(l.Expires))
	show("scopes", l.Scopes != "", emptyIfNil(l.Scopes.Rules()))
	show("networks", l.Networks != "", emptyIfNil(l.Networks.Strings()))
	if l.MaxUses > 0 {
		return append(members, member{"max_uses", l.MaxUses}, member{"uses", cr.Uses})
	}
	show("max_uses", false, nil)
	show("uses", false, nil)
	return members
}

func emptyIfNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// limitArgs are the arguments that narrow an application password. null, and an empty list,
// remove a limit. WordPress has none of them, so OPTIONS does not list them.
func limitArgs() []arg {
	return []arg{
		{name: "expires", unlisted: true, null: nullIsGiven, accept: acceptExpires},
		{name: "scopes", unlisted: true, null: nullIsGiven, accept: acceptScopes},
		{name: "networks", unlisted: true, null: nullIsGiven, accept: acceptNetworks},
		{name: "max_uses", unlisted: true, null: nullIsGiven, accept: acceptMaxUses},
	}
}

func (c *call) limits() (e sparekey.Edit) {
	switch given := c.args["expires"].(type) {
	case time.Time:
		e.Expires = &given
	case expiry:
		at, _ := humantime.ParseExpiry(string(given), c.h.config.Now()) // acceptExpires has seen to it
		e.Expires = &at
	}
	if list, ok := c.args["scopes"].(scope.List); ok {
		e.Scopes = &list
	}
	if list, ok := c.args["networks"].(sparekey.Networks); ok {
		e.Networks = &list
	}
	if n, ok := c.args["max_uses"].(int); ok {
		e.MaxUses = &n
	}
	return e
}

// expiry is a text for [humantime.ParseExpiry], which can be relative to now.
type expiry string

// acceptExpires takes times as the API shows them, in UTC, and what the command line
// and the authorise screen take.
func acceptExpires(given any) (any, *argError) {
	text, ok := given.(string)
	if given == nil || ok && text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(timeFormat, text); err == nil {
		return at.UTC(), nil
	}
	if _, err := humantime.ParseExpiry(text, time.Time{}); err == nil {
		return expiry(text), nil
	}
	return nil, &argError{code: argErrDate, message: "Must be a time such as 2026-12-31T18:00:00, in UTC, a date, a duration such as 7d or 36h, or null."}
}

func acceptScopes(given any) (any, *argError) {
	rules, wrong := textList(given)
	if wrong != nil {
		return nil, wrong
	}
	list, err := scope.Parse(rules)
	if err != nil {
		return nil, &argError{code: argErrPattern, message: "Rule " + err.Error() + "."}
	}
	return list, nil
}

func acceptNetworks(given any) (any, *argError) {
	texts, wrong := textList(given)
	if wrong != nil {
		return nil, wrong
	}
	list, err := sparekey.ParseNetworks(texts)
	if err != nil {
		return nil, &argError{code: argErrPattern, message: "Of the networks, " + err.Error() + "."}
	}
	return list, nil
}

func acceptMaxUses(given any) (any, *argError) {
	if given == nil || given == "" {
		return 0, nil
	}
	n, ok := integer(given)
	switch {
	case !ok:
		return nil, &argError{code: argErrType, message: "Must be a whole number, or null."}
	case n < 1:
		return nil, &argError{code: argErrRange, message: "Must be 1 or more, or null."}
	}
	return n, nil
}

// textList takes a list of texts, or a single one. It does not split texts, since rules have blanks
// and can have commas.
func textList(given any) (texts []string, wrong *argError) {
	if text, ok := given.(string); ok {
		given = []any{text}
	}
	list, ok := given.([]any)
	if given != nil && !ok {
		return nil, &argError{code: argErrType, message: "Must be a list of strings, or null."}
	}
	for _, element := range list {
		text, ok := element.(string)
		if !ok {
			return nil, &argError{code: argErrType, message: "Must be a list of strings, or null."}
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

func rotateArgs() []arg {
	return []arg{integerArg("grace", "For how many seconds the secret that it has is accepted as well.", 0, 0, int(sparekey.MaxGrace/time.Second))}
}

const noGrace = "Must be 0: the application behind this server would refuse the previous secret at once. " +
	"The operator can change that with --signing-key and the plugin of docs/guides/wordpress-gateway.md."

func (c *call) rotatePassword() (*response, error) {
	grace := time.Duration(c.number("grace")) * time.Second
	secret, credential, err := c.manager().Rotate(c.r.Context(), c.userID(), c.vars["uuid"], grace)
	var invalid *sparekey.InvalidError
	if errors.As(err, &invalid) && invalid.Field == "grace" { // the argument was valid, so the site has no grace periods
		return nil, invalidParams([]argError{{param: "grace", code: argErrPattern, message: noGrace}})
	}
	if err != nil {
		return nil, err
	}
	fields := append(passwordFields(), secretField())
	item := c.passwordItem(password{credential, secret}, fields, contextEdit, c.passwordMethods())
	if grace > 0 {
		item = append(item, member{"old_secret_until", timeOrNull(c.h.svc.OldSecretUntil(credential))})
	}
	return &response{status: http.StatusCreated, body: item}, nil
}
