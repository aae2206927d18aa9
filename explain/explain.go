// Package explain says in plain words what an application password may do, and why.
// It makes sentences out of facts: the keys of texts, with values for their
// placeholders. The texts are in one file a language.
package explain

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// Texts returns the texts of a language (BCP 47) by their key, or nil where there
// are none. See catalogue/en.json.
func Texts(language string) map[string]string {
	data, err := catalogueFiles.ReadFile("catalogue/" + language + ".json")
	if err != nil {
		return nil
	}
	texts := map[string]string{}
	if err := json.Unmarshal(data, &texts); err != nil {
		panic(fmt.Sprintf("catalogue/%s.json: %v", language, err)) // embedded
	}
	return texts
}

// Sentence is one statement.
type Sentence struct {
	Key   string // of a text
	Pairs []any  // names of placeholders and their values, in turn
	Items []Item // what the sentence lists, if it does
}

// Item is one of the scopes that a sentence lists.
type Item struct {
	Sentence
	Rule string // as it was given
}

// English returns a sentence in English, with each of its items on a separate line.
func English(s Sentence) string {
	texts := Texts("en")
	lines := []string{fill(texts[s.Key], s.Pairs)}
	for _, item := range s.Items {
		lines = append(lines, "  - "+item.Rule+": "+fill(texts[item.Key], item.Pairs))
	}
	return strings.Join(lines, "\n")
}

func fill(text string, pairs []any) string {
	var replace []string
	for i := 0; i+1 < len(pairs); i += 2 {
		replace = append(replace, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// Credential says what an application password of a user may do: first whether it is
// accepted at all, then what for, from where, and for how long.
func Credential(svc *sparekey.Service, owner sparekey.User, c sparekey.Credential) []Sentence {
	all := []Sentence{state(svc, c), purpose(svc, c)}
	if c.Limits.Scopes == "" && MayScript(owner) {
		all = append(all, sentence("scripts"))
	}
	if names := unnamed(svc, c); names != "" {
		all = append(all, sentence("unnamed", "names", names))
	}
	all = append(all, managing(svc, c), origin(c.Limits), lifetime(svc, c))
	if c.Limits.MaxUses > 0 {
		all = append(all, sentence("uses", "uses", c.Uses, "most", c.Limits.MaxUses))
	}
	if d := svc.Policy().RevokeUnused; d > 0 {
		all = append(all, sentence("revoked_unused", "time", Duration{d}))
	}
	if until := svc.OldSecretUntil(c); !until.IsZero() {
		all = append(all, sentence("rotated", "time", Time{until}))
	}
	return all
}

// MayScript reports whether WordPress may let a user publish markup with scripts in it
// (its capability unfiltered_html): an administrator and an editor, though on a network
// of sites only super administrators. So may an application with an unlimited
// application password that such a user made.
func MayScript(u sparekey.User) bool {
	return u.HasRole(sparekey.RoleAdministrator) || u.HasRole("editor")
}

func sentence(key string, pairs ...any) Sentence { return Sentence{Key: key, Pairs: pairs} }

// Time is a time in a sentence, for callers that format times themselves.
type Time struct{ time.Time }

// String writes the time for people who may be anywhere.
func (t Time) String() string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// Words are those of an application for a scope of its own, for callers that know the reader's
// language.
type Words struct{ scope.Bundle }

// String returns the words in the language in which the application defined the scope.
func (w Words) String() string { return w.Text("") }

// Duration is a duration in a sentence, for callers that format durations themselves.
type Duration struct{ time.Duration }

// String writes the duration as settings have it.
func (d Duration) String() string { return humantime.Format(d.Duration) }

// state says whether the credential is accepted at all.
func state(svc *sparekey.Service, c sparekey.Credential) Sentence {
	switch reason := svc.InactiveReason(c); {
	case reason == sparekey.ReasonExpired:
		return sentence("expired", "time", Time{svc.Expires(c)})
	case reason == sparekey.ReasonUsedUp:
		return sentence("used_up", "most", c.Limits.MaxUses)
	case reason == sparekey.ReasonUnused:
		return sentence("unused", "time", Duration{svc.Policy().RevokeUnused})
	case svc.Policy().RequireScopes && c.Limits.Scopes == "":
		return sentence("no_scopes")
	}
	return sentence("accepted")
}

// purpose says what the credential is for.
func purpose(svc *sparekey.Service, c sparekey.Credential) Sentence {
	if c.Limits.Scopes == "" {
		return sentence("everything")
	}
	return Sentence{Key: "only", Items: Scopes(svc.Bundles(), c.Limits.Scopes)}
}

// Scopes says what each of some rules allows.
func Scopes(bundles scope.Bundles, list scope.List) []Item {
	var items []Item
	for rule := range list.All() {
		items = append(items, Item{Sentence: Rule(bundles, rule), Rule: rule})
	}
	return items
}

// Rule says what a rule allows. Of a bundle that an operator defined, that is its
// rules.
func Rule(bundles scope.Bundles, rule string) Sentence {
	methods, path, isRequests := strings.Cut(rule, " ")
	if !isRequests {
		return bundle(bundles, rule)
	}
	key := "rule"
	if methods == "*" {
		key = "rule_any"
	}
	if beginning, ok := strings.CutSuffix(path, "*"); ok && !strings.Contains(beginning, "*") {
		path, key = beginning, key+"_below"
	}
	return sentence(key, "methods", strings.ReplaceAll(methods, ",", ", "), "path", path)
}

func bundle(bundles scope.Bundles, name string) Sentence {
	b, ok := bundles[name]
	switch {
	case !ok:
		return sentence("bundle_unknown")
	case b.IsStandard():
		return sentence("bundle." + name)
	case b.IsNamed():
		return sentence("bundle_own", "rules", Words{b})
	}
	return sentence("bundle_own", "rules", b.Rules.String())
}

// unnamed returns what a limited credential would cover in WordPress, and may not change
// because no scope has the name in its path. It is empty if there is nothing of that kind.
func unnamed(svc *sparekey.Service, c sparekey.Credential) string {
	if !svc.IsLimited(c) {
		return ""
	}
	var missing []string
	for _, name := range [...]string{scope.NameUsers, scope.NamePlugins, scope.NameThemes, scope.NameSettings} {
		access := scope.Access{Method: "POST", Path: "/wp-json/wp/v2" + name}
		_, covered := c.Limits.Scopes.Covers(access, svc.Bundles())
		access.Named = name
		_, named := c.Limits.Scopes.Covers(access, svc.Bundles())
		if c.Limits.Scopes == "" || covered && !named {
			missing = append(missing, name)
		}
	}
	return strings.Join(missing, ", ")
}

// managing says whether the credential may manage others.
func managing(svc *sparekey.Service, c sparekey.Credential) Sentence {
	if svc.MayManage(c) {
		return sentence("manages")
	}
	return sentence("manages_not")
}

// origin says from where the credential is accepted.
func origin(l sparekey.Limits) Sentence {
	if l.Networks == "" {
		return sentence("everywhere")
	}
	return sentence("networks", "networks", strings.Join(l.Networks.Strings(), ", "))
}

// lifetime says until when the credential is accepted, and who says so.
func lifetime(svc *sparekey.Service, c sparekey.Credential) Sentence {
	end := svc.Expires(c)
	switch {
	case end.IsZero():
		return sentence("never_expires")
	case !end.Equal(c.Limits.Expires):
		return sentence("until_policy", "time", Time{end}, "lifetime", Duration{svc.Policy().MaxLifetime})
	}
	return sentence("until", "time", Time{end})
}

// Request says whether an attempt with the right secret would be allowed, and which rule or
// limit decides. The reasons of refusals are in English.
func Request(svc *sparekey.Service, c sparekey.Credential, a sparekey.Attempt) (allowed bool, s Sentence) {
	if svc.InactiveReason(c) == sparekey.ReasonUsedUp {
		return false, state(svc, c)
	}
	rule, err := svc.Accepts(c, a)
	var refused *sparekey.AuthError
	switch {
	case errors.As(err, &refused) && refused.Err != nil:
		return false, sentence("no", "why", refused.Err)
	case err != nil:
		return false, sentence("no", "why", err)
	case rule == "":
		return true, sentence("yes")
	}
	return true, sentence("yes_rule", "rule", rule, "request", a.Request.Method+" "+a.Request.Path())
}
