package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

// How many characters a UUID has, and how many of them name an application password of one
// user.
const (
	wholeUUID = 36
	shortUUID = 8
)

// peopleReadCredentials is how application passwords look to people: times in their zone, no
// hash, and whether it works.
func peopleReadCredentials(svc *sparekey.Service) people {
	return people{
		headings: []heading{{title: "UUID"}, {title: "NAME", cut: true}, {title: "CREATED", drop: true}, {title: "LAST USED"}, {title: "EXPIRES"}, {title: "LIMITS", cut: true, drop: true}, {title: "STATUS"}},
		cells: func(r row) []cell {
			c, _ := r[source].(sparekey.Credential)
			return credentialCells(svc, c, time.Now())
		},
		empty: "No application passwords.",
	}
}

func credentialCells(svc *sparekey.Service, c sparekey.Credential, now time.Time) []cell {
	status, look := statusOf(svc, c)
	row := cells(c.UUID, c.Name, onDay(c.Created, ""), fromNow(c.LastUsed, now, "never"),
		fromNow(svc.Expires(c), now, "never"), limitsInShort(c), status)
	if len(c.UUID) > shortUUID {
		row[0].short = visible.Escape(c.UUID[:shortUUID])
	}
	row[6].style = look
	if word, _, ok := strings.Cut(status, ":"); ok {
		row[6].short = word
	}
	return row
}

// statusOf says in words whether an application password works, and if not, why.
func statusOf(svc *sparekey.Service, c sparekey.Credential) (words string, look style) {
	switch reason := svc.InactiveReason(c); {
	case reason == sparekey.ReasonExpired:
		return "expired", red
	case reason == sparekey.ReasonUsedUp:
		return "used up", red
	case reason == sparekey.ReasonUnused:
		return "inactive: unused", red
	case svc.Policy().RequireScopes && c.Limits.Scopes == "":
		return "inactive: no scopes", red
	case !svc.UpcomingExpiry(c).IsZero():
		return "expires soon", yellow
	}
	return "active", green
}

// limitsInShort names the limits other than the time.
func limitsInShort(c sparekey.Credential) string {
	var parts []string
	if rules := c.Limits.Scopes.Rules(); len(rules) > 0 {
		parts = append(parts, strings.Join(rules, ", "))
	}
	if networks := c.Limits.Networks.Strings(); len(networks) > 0 {
		parts = append(parts, "from "+strings.Join(networks, ", "))
	}
	if c.Limits.MaxUses > 0 {
		parts = append(parts, usesInShort(c))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func usesInShort(c sparekey.Credential) string {
	return fmt.Sprintf("used %d of %d times", c.Uses, c.Limits.MaxUses)
}

// peopleReadOne is how one application password looks to people, a line for each field.
func peopleReadOne(svc *sparekey.Service, owner sparekey.User) people {
	return people{
		headings: []heading{
			{title: "Name"}, {title: "User"}, {title: "UUID"}, {title: "App ID"}, {title: "Status"}, {title: "Created"}, {title: "Last used"},
			{title: "Expires"}, {title: "Scopes"}, {title: "Networks"}, {title: "Uses"}, {title: "Previous secret"},
		},
		cells: func(r row) []cell {
			c, _ := r[source].(sparekey.Credential)
			return itemCells(svc, owner, c, time.Now())
		},
	}
}

func itemCells(svc *sparekey.Service, owner sparekey.User, c sparekey.Credential, now time.Time) []cell {
	status, look := statusOf(svc, c)
	lastUsed := momentAndAge(c.LastUsed, now, "never")
	if c.LastIP != "" {
		lastUsed += " from " + c.LastIP
	}
	uses, previous := "", ""
	if c.Limits.MaxUses > 0 {
		uses = usesInShort(c)
	}
	if until := svc.OldSecretUntil(c); !until.IsZero() {
		previous = "works until " + momentAndAge(until, now, "")
	}
	row := cells(c.Name, owner.Login, c.UUID, c.AppID, status, momentAndAge(c.Created, now, ""), lastUsed,
		momentAndAge(svc.Expires(c), now, "never"), orAll(c.Limits.Scopes.Rules(), "everything that the user can do"),
		orAll(c.Limits.Networks.Strings(), "everywhere"), uses, previous)
	row[4].style = look
	return row
}

// orAll is a list in a line, or what no list means.
func orAll(list []string, all string) string {
	if len(list) == 0 {
		return all
	}
	return strings.Join(list, ", ")
}

// peopleReadUsers is how users look to people.
func peopleReadUsers() people {
	return people{
		headings: []heading{{title: "ID"}, {title: "LOGIN", cut: true}, {title: "NAME", cut: true}, {title: "E-MAIL", cut: true}, {title: "ROLES", cut: true}, {title: "REGISTERED"}},
		cells: func(r row) []cell {
			u, _ := r[source].(sparekey.User)
			return cells(u.ID, u.Login, u.DisplayName, u.Email, strings.Join(u.Roles, ", "), onDay(u.Registered, ""))
		},
		empty: "No users.",
	}
}

// peopleReadUser is how one user looks to people.
func peopleReadUser() people {
	return people{
		headings: []heading{{title: "ID"}, {title: "Login"}, {title: "Name"}, {title: "E-mail"}, {title: "Roles"}, {title: "Registered"}},
		cells: func(r row) []cell {
			u, _ := r[source].(sparekey.User)
			return cells(u.ID, u.Login, u.DisplayName, u.Email, strings.Join(u.Roles, ", "), momentAndAge(u.Registered, time.Now(), ""))
		},
	}
}
