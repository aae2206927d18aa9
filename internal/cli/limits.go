package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
)

// limitFlags narrow an application password.
type limitFlags struct {
	Expires *string  `help:"When it expires: after 24h or 7d, at the end of 2026-12-31, at 2026-12-31T18:00:00Z, or never." placeholder:"WHEN" group:"Limits"`
	Scope   []string `sep:"none" help:"The requests it may make: a bundle such as read, or methods and a path such as 'GET /wp-json/wp/v2/posts*'. May be given more than once." placeholder:"RULE" group:"Limits"`
	Network []string `help:"From where it may be used: an address or a network such as 10.0.0.0/8. May be given more than once." placeholder:"CIDR" group:"Limits"`
	MaxUses *string  `name:"max-uses" aliases:"max_uses" help:"How many requests may be made with it in all, also HEAD and those that are answered with an error." placeholder:"N" group:"Limits"`
}

// limits are those of a new application password. An empty flag is an error: for update it
// takes a limit away, and here it would be one that was meant and is not there.
func (f limitFlags) limits(now time.Time) (l sparekey.Limits, err error) {
	if name := f.empty(); name != "" {
		return l, fmt.Errorf("--%s is empty: give a value, or leave the flag out for no limit", name)
	}
	e, err := f.edit(now)
	if err != nil {
		return l, err
	}
	return e.Of(l), nil
}

// empty is the name of the first flag that is given without a value, or "".
func (f limitFlags) empty() string {
	switch {
	case f.Expires != nil && *f.Expires == "":
		return "expires"
	case f.Scope != nil && len(notEmpty(f.Scope)) < max(1, len(f.Scope)):
		return "scope"
	case f.Network != nil && len(notEmpty(f.Network)) < max(1, len(f.Network)):
		return "network"
	case f.MaxUses != nil && *f.MaxUses == "":
		return "max-uses"
	}
	return ""
}

// edit is the change that the flags ask for, or everything that is wrong with them.
func (f limitFlags) edit(now time.Time) (e sparekey.Edit, err error) {
	var problems []error
	problem := func(flag string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	if f.Expires != nil {
		at, err := parseExpires(*f.Expires, now)
		problem("expires", err)
		e.Expires = &at
	}
	if f.Scope != nil {
		list, err := parseScopes(notEmpty(f.Scope))
		problem("scope", err)
		e.Scopes = &list
	}
	if f.Network != nil {
		list, err := sparekey.ParseNetworks(notEmpty(f.Network))
		problem("network", err)
		e.Networks = &list
	}
	if f.MaxUses != nil {
		n, err := parseUses(*f.MaxUses)
		problem("max-uses", err)
		e.MaxUses = &n
	}
	return e, errors.Join(problems...)
}

func parseExpires(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return humantime.ParseExpiry(text, now)
}

// parseScopes reads scopes, of which a flag has one.
func parseScopes(given []string) (scope.List, error) {
	for _, text := range given {
		if names := strings.Split(text, ","); len(names) > 1 && !slices.ContainsFunc(names, func(s string) bool { return !scope.IsName(s) }) {
			return "", fmt.Errorf("%q are several: repeat the flag, as in --scope=%s", text, strings.Join(names, " --scope="))
		}
	}
	return scope.Parse(given)
}

// confirmMethods warns of methods that HTTP does not have, and on a terminal asks whether they
// are meant. Its error is that they are not.
func (f limitFlags) confirmMethods(t terminal) error {
	list, _ := parseScopes(f.Scope) // edit has said what is wrong with them
	unusual := list.UnusualMethods()
	for _, method := range unusual {
		advice := "usual ones are GET, POST, PUT, PATCH and DELETE."
		if found := config.Similar(method, []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}); len(found) > 0 {
			advice = config.DidYouMean(found)
		}
		fmt.Fprintf(t.err, "Warning: HTTP has no method %s, %s Unless an application has it, this scope covers nothing.\n", method, advice)
	}
	if len(unusual) > 0 && t.canAsk() && !confirm(t, "Go on all the same?") {
		return errors.New("nothing was done")
	}
	return nil
}

// suggestBundle adds to an error about the name of a bundle which one can be meant.
func (f limitFlags) suggestBundle(svc *sparekey.Service, err error) error {
	if err == nil {
		return nil
	}
	bundles := slices.Sorted(maps.Keys(svc.Bundles()))
	for _, name := range f.Scope {
		if !scope.IsName(name) || slices.Contains(bundles, name) || !strings.Contains(err.Error(), strconv.Quote(name)) {
			continue
		}
		if found := config.Similar(name, bundles); len(found) > 0 {
			return fmt.Errorf("--scope: no bundle is named %q, %s", name, config.DidYouMean(found))
		}
	}
	return err
}

func parseUses(text string) (n int, err error) {
	if text == "" {
		return 0, nil
	}
	switch n, err = strconv.Atoi(text); {
	case err != nil || n < 0:
		return 0, fmt.Errorf("%q is not a number of uses: give a whole number from 1 on", text)
	case n == 0:
		return 0, errors.New("0 is not a number of uses: leave the flag out for any number, or give update an empty one (--max-uses=)")
	}
	return n, nil
}

// notEmpty leaves out what is empty, which is how a flag takes all away.
func notEmpty(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" })
}

// limitFlag are the flags for what the domain has fields for.
var limitFlag = map[string]string{"expires": "expires", "scopes": "scope", "networks": "network", "max_uses": "max-uses", "grace": "grace", "app_id": "app-id"}

// flagNames puts the name of the flag before what the domain finds wrong.
func flagNames(err error) error {
	var invalid *sparekey.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	flag, ok := limitFlag[invalid.Field]
	if !ok {
		return err
	}
	return fmt.Errorf("--%s %s", flag, invalid.Problem)
}

// limitColumns are the columns that wp-cli does not have.
var limitColumns = []string{"expires", "scopes", "networks", "max_uses", "uses", "old_until"}

func limitValues(svc *sparekey.Service, c sparekey.Credential) row {
	r := row{
		"expires": unixOrNil(c.Limits.Expires), "scopes": listOrNil(c.Limits.Scopes.Rules()),
		"networks": listOrNil(c.Limits.Networks.Strings()), "old_until": unixOrNil(svc.OldSecretUntil(c)),
	}
	if c.Limits.MaxUses > 0 {
		r["max_uses"], r["uses"] = int64(c.Limits.MaxUses), int64(c.Uses)
	}
	return r
}

func listOrNil(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

type passwordRotateCommand struct {
	credential
	Grace config.Duration `help:"How long the previous secret keeps working, such as 1h or 7d; at most 90d." default:"0" placeholder:"DURATION"`
	newSecretFlags
}

func (c *passwordRotateCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.toChange(ctx, all, func(s *site, m sparekey.Manager, u sparekey.User) error {
		before, err := m.Get(ctx, u.ID, c.UUID)
		if err != nil {
			return c.explain(err)
		}
		secret, changed, err := m.Rotate(ctx, u.ID, c.UUID, time.Duration(c.Grace))
		if err != nil {
			return c.explain(flagNames(err))
		}
		if c.Grace > 0 && config.IsWordPress(all.Database) {
			fmt.Fprint(t.err, "Warning: WordPress itself accepts the new secret only, from now on. The one before is accepted by Sparekey, and "+
				"by a WordPress behind \"sparekey serve --upstream\" only with --signing-key and the plugin of docs/guides/wordpress-gateway.md.\n")
		}
		if c.isForPrograms() {
			return c.print(t, s.Service, u, secret, changed)
		}
		fmt.Fprintf(t.out, "The application password %q of %s has a new secret. It is shown this once.\nPassword: %s\n",
			changed.Name, u.Login, secret.Reveal())
		switch until := s.Service.OldSecretUntil(changed); {
		case !until.IsZero() && changed.OldHash == before.OldHash: // the last rotation is repeated
			fmt.Fprintf(t.out, "The secret of the last rotation was never used, and no longer works. The one before it is accepted until %s.\n", until.Format(time.RFC3339))
		case !until.IsZero():
			fmt.Fprintf(t.out, "The previous secret is accepted until %s.\n", until.Format(time.RFC3339))
		default:
			fmt.Fprintln(t.out, "The previous secret no longer works.")
		}
		return nil
	})
}

type passwordExplainCommand struct {
	Args []string `arg:"" optional:"" name:"args" help:"[USER] UUID [METHOD PATH]: the application password and, if it is about one thing, the request."`
	From string   `help:"The address that the request would come from. Default: one where it may be used." placeholder:"ADDRESS"`
}

// Validate is called by kong, which has no words for such arguments.
func (c *passwordExplainCommand) Validate() error {
	if len(c.Args) == 0 {
		return errors.New("expected [USER] UUID [METHOD PATH]")
	}
	return nil
}

func (c *passwordExplainCommand) Run(ctx context.Context, all *commands, t terminal) error {
	args, asked, err := c.asked()
	if err != nil {
		return err
	}
	return all.with(ctx, func(s *site) error {
		user, found, err := c.find(ctx, s, args)
		if err != nil {
			return err
		}
		if !asked.IsZero() {
			return c.answer(s, all, found, asked, t)
		}
		fmt.Fprintf(t.out, "%s %q of %s\n", found.UUID, found.Name, user.Login)
		printExplanation(s, user, found, t)
		all.printPublic(t.out)
		return nil
	})
}

// asked splits the arguments into those that name the application password and the
// request.
func (c *passwordExplainCommand) asked() (args []string, asked sparekey.Request, err error) {
	n := len(c.Args)
	switch {
	case n > 4:
		return nil, asked, errors.New("give the UUID of an application password, perhaps with its user before it, and perhaps a method and a path after it")
	case n == 2 && sparekey.ValidAppID(strings.ToLower(c.Args[0])) && !sparekey.ValidAppID(strings.ToLower(c.Args[1])):
		return nil, asked, fmt.Errorf("the path is missing after the method %s: it must begin with \"/\", as in \"GET /wp-json/wp/v2/posts\"", c.Args[1])
	case n <= 2:
		return c.Args, asked, nil
	}
	asked = sparekey.Request{Method: strings.ToUpper(c.Args[n-2]), Target: c.Args[n-1]}
	if !strings.HasPrefix(asked.Target, "/") {
		return nil, asked, fmt.Errorf("the path must begin with \"/\", and %q does not: ask as in \"GET /wp-json/wp/v2/posts\"", asked.Target)
	}
	return c.Args[:n-2], asked, nil
}

// printExplanation prints what an application password may do.
func printExplanation(s *site, owner sparekey.User, c sparekey.Credential, t terminal) {
	for _, sentence := range explain.Credential(s.Service, owner, c) {
		fmt.Fprintln(t.out, explain.English(sentence))
	}
}

// find finds the application password by its UUID, in those of the user if one is
// named.
func (c *passwordExplainCommand) find(ctx context.Context, s *site, args []string) (sparekey.User, sparekey.Credential, error) {
	manager, uuid := s.Service.AsOperator(), args[len(args)-1]
	if len(args) == 2 {
		user, err := s.findUser(ctx, args[0])
		if err != nil {
			return sparekey.User{}, sparekey.Credential{}, err
		}
		if uuid, err = fullUUID(ctx, manager, user.ID, uuid); err != nil {
			return sparekey.User{}, sparekey.Credential{}, err
		}
		found, err := manager.Get(ctx, user.ID, uuid)
		return user, found, credential{owner{args[0]}, uuid}.explain(err)
	}
	list, _, err := manager.Search(ctx, sparekey.CredentialQuery{UUID: uuid})
	switch {
	case errors.Is(err, sparekey.ErrUnavailable):
		return sparekey.User{}, sparekey.Credential{}, errors.New("this database cannot be searched for a UUID alone: name the user before it")
	case err != nil:
		return sparekey.User{}, sparekey.Credential{}, err
	case len(list) != 1:
		advice := `"sparekey user application-password list USER" shows those of a user`
		if len(uuid) < wholeUUID {
			advice = "give the whole UUID, or its user before it; " + advice
		}
		return sparekey.User{}, sparekey.Credential{}, fmt.Errorf("found no application password with the UUID %q: %s", uuid, advice)
	}
	user, err := s.Service.Directory().UserByID(ctx, list[0].UserID)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		user, err = goneUser(list[0].UserID), nil
	}
	return user, list[0], err
}

// answer says whether a request would be allowed, and exits with 1 if not.
func (c *passwordExplainCommand) answer(s *site, all *commands, found sparekey.Credential, asked sparekey.Request, t terminal) error {
	from, err := c.from(found.Limits.Networks)
	if err != nil {
		return err
	}
	a := sparekey.Attempt{Request: asked, Addr: from}
	profile := upstream.Generic()
	if config.IsWordPress(all.Database) {
		profile = upstream.WordPress(upstream.WordPressConfig{})
		a.Upstream = &upstream.Reader{
			Profile: profile,
			Request: upstream.Request{Method: asked.Method, Target: asked.Target},
		}
	}
	allowed, sentence := explain.Request(s.Service, found, a)
	fmt.Fprintln(t.out, explain.English(sentence))
	all.printPublicRequest(asked, from, profile, t.out)
	if !allowed {
		return exitCode(1)
	}
	if s.Service.IsLimited(found) && asked.Method == http.MethodPost && upstream.IsForAPI(asked.Target) {
		fmt.Fprintln(t.out, "JSON and raw bodies pass. Forms are another matter: serve --upstream judges their fields, and behind a proxy that asks, few pass (docs/reference/scopes.md).")
	}
	return nil
}

func (c *passwordExplainCommand) from(networks sparekey.Networks) (netip.Addr, error) {
	if c.From != "" {
		addr, err := netip.ParseAddr(c.From)
		if err != nil {
			return addr, fmt.Errorf("--from: %q is not an address such as 192.0.2.1", c.From)
		}
		return addr, nil
	}
	for _, text := range networks.Strings() {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			return prefix.Addr(), nil
		}
	}
	return netip.IPv6Loopback(), nil
}
