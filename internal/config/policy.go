package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/scope"
)

// PolicySettings are what the site demands of application passwords. They are the
// site's, so that the server and the command line agree.
type PolicySettings struct {
	MaxLifetime           Duration `help:"How long an application password works at most after its creation, such as 90d. 0: forever." default:"0" env:"SPAREKEY_MAX_LIFETIME" group:"Policy of the site" placeholder:"DURATION"`
	RequireExpiry         bool     `help:"Refuse to make application passwords that never expire." env:"SPAREKEY_REQUIRE_EXPIRY" group:"Policy of the site"`
	RequireScopes         bool     `help:"Refuse to make and to accept application passwords that are not limited to scopes." env:"SPAREKEY_REQUIRE_SCOPES" group:"Policy of the site"`
	Creators              []string `help:"The roles whose users may have application passwords made. Default: all." env:"SPAREKEY_CREATORS" group:"Policy of the site" placeholder:"ROLE,…"`
	MaxPerUser            int      `help:"How many application passwords a user may have. 0: any number." default:"0" env:"SPAREKEY_MAX_PER_USER" group:"Policy of the site" placeholder:"N"`
	RevokeUnused          Duration `help:"Revoke application passwords that were not used for so long, such as 180d. 0: never." default:"0" env:"SPAREKEY_REVOKE_UNUSED" group:"Policy of the site" placeholder:"DURATION"`
	KeepExpired           Duration `help:"For how long application passwords that expired or are used up stay in the lists before they are removed, such as 30d. 0: forever." default:"0" env:"SPAREKEY_KEEP_EXPIRED" group:"Policy of the site" placeholder:"DURATION"`
	RevokeOnPasswordReset bool     `help:"Revoke a user's application passwords when their main password is reset." env:"SPAREKEY_REVOKE_ON_PASSWORD_RESET" group:"Policy of the site"`
	ManageNeedsScope      bool     `help:"Let an application password manage application passwords only where a scope says so." env:"SPAREKEY_MANAGE_NEEDS_SCOPE" group:"Policy of the site"`
	Scopes                Bundles  `help:"Names for scopes, as YAML or JSON: {\"deploy\": [\"POST /hooks/*\"]}. In a configuration file, a map." env:"SPAREKEY_SCOPES" group:"Policy of the site" placeholder:"BUNDLES"`
}

// problems lists what is wrong with the policy of a site with this database.
func (p PolicySettings) problems(database string, usageInterval time.Duration) (problems []error) {
	for flag, d := range map[string]Duration{"max-lifetime": p.MaxLifetime, "revoke-unused": p.RevokeUnused, "keep-expired": p.KeepExpired} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("--%s must not be negative", flag))
		}
	}
	if p.MaxPerUser < 0 {
		problems = append(problems, errors.New("--max-per-user must not be negative"))
	}
	if p.RevokeUnused > 0 && time.Duration(p.RevokeUnused) <= usageInterval {
		problems = append(problems, fmt.Errorf("--revoke-unused must be longer than --usage-interval (%s), since uses are not known more precisely",
			humantime.Format(usageInterval)))
	}
	for _, role := range p.Creators {
		if HasOwnRoles(database) && !slices.Contains(login.Roles(), role) {
			problems = append(problems, fmt.Errorf("--creators: unknown role %q: the roles are %s", role, strings.Join(login.Roles(), ", ")))
		}
	}
	return problems
}

// HasOwnRoles reports whether the users of a database have the roles of this
// program, rather than those of another one.
func HasOwnRoles(database string) bool {
	scheme, _, isURL := strings.Cut(database, "://")
	return !isURL || scheme == "sqlite"
}

// Policy is the policy in the domain's words.
func (p PolicySettings) Policy() sparekey.Policy {
	return sparekey.Policy{
		MaxLifetime:           time.Duration(p.MaxLifetime),
		RequireExpiry:         p.RequireExpiry,
		RequireScopes:         p.RequireScopes,
		Creators:              p.Creators,
		MaxPerUser:            p.MaxPerUser,
		RevokeUnused:          time.Duration(p.RevokeUnused),
		KeepInactive:          time.Duration(p.KeepExpired),
		RevokeOnPasswordReset: p.RevokeOnPasswordReset,
		ManageNeedsScope:      p.ManageNeedsScope,
	}
}

// Duration is a duration as people give it, such as 90d.
type Duration time.Duration

// UnmarshalText is called by kong.
func (d *Duration) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*d = 0
		return nil
	}
	parsed, err := humantime.Parse(string(text))
	*d = Duration(parsed)
	return err
}

// Bundles are an operator's named scopes.
type Bundles struct{ scope.Bundles }

// builtIn are the bundles of every site, besides its operator's.
func builtIn() scope.Bundles { return scope.BuiltIn().WithWordPress("/wp-json") }

// OrBuiltIn are the bundles of a site whose operator may have defined none.
func (b Bundles) OrBuiltIn() scope.Bundles {
	if b.Bundles == nil {
		return builtIn()
	}
	return b.Bundles
}

// Decode is called by kong, with a map from a configuration file or with a text.
func (b *Bundles) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("scopes")
	if err != nil {
		return err
	}
	text, ok := token.Value.(string)
	if !ok {
		raw, err := yaml.Marshal(token.Value)
		if err != nil {
			return fmt.Errorf("read the scopes: %w", err)
		}
		text = string(raw)
	}
	var own map[string]any
	if err := yaml.Unmarshal([]byte(text), &own); err != nil {
		return errors.New(`must be a map from names to rules, such as {deploy: ["POST /hooks/*", "read"]}`)
	}
	rules, err := ruleLists(own)
	if err != nil {
		return err
	}
	b.Bundles, err = builtIn().Define(rules)
	return err
}

// ruleLists are the rules of each bundle: a list, or a single one.
func ruleLists(own map[string]any) (map[string][]string, error) {
	lists := map[string][]string{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(own)) {
		lists[name] = nil
		given, isList := own[name].([]any)
		if !isList {
			given = []any{own[name]}
		}
		for _, rule := range given {
			text, ok := rule.(string)
			if !ok {
				problems = append(problems, fmt.Errorf("bundle %q: %v is not a rule such as \"GET /files/*\"", name, rule))
				continue
			}
			lists[name] = append(lists[name], text)
		}
	}
	return lists, errors.Join(problems...)
}

// IsWordPress reports whether a database is WordPress's.
func IsWordPress(database string) bool { return strings.HasPrefix(database, "wordpress:") }
