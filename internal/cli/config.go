package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// siteSettings are what every command on the same site must agree about.
type siteSettings struct {
	Database       string   `type:"orfile" help:"Path of a SQLite file, or URL of a database. Other accounts of the machine can see a URL with a password in ps: give it as @FILE, which reads the first line of a file, or in SPAREKEY_DATABASE." default:"sparekey.db" env:"SPAREKEY_DATABASE" group:"Settings of the site"`
	DuplicateNames string   `help:"Whether a user may have two application passwords of one name: allow, as WordPress since 6.7, or reject, as WordPress 5.7 to 6.6." enum:"allow,reject" default:"allow" env:"SPAREKEY_DUPLICATE_NAMES" group:"Settings of the site"`
	UsageInterval  duration `help:"How long a recorded use stands before it is refreshed." default:"${usageInterval}" env:"SPAREKEY_USAGE_INTERVAL" group:"Settings of the site"`

	auditSettings
	policySettings
	publicSettings
}

// Validate is called by kong.
func (s siteSettings) Validate() error {
	problems := s.policySettings.problems(s.Database, time.Duration(s.UsageInterval))
	problems = append(problems, s.publicSettings.problems(s.Scopes.Bundles)...)
	if s.UsageInterval <= 0 {
		problems = append(problems, errors.New("--usage-interval must be longer than zero, such as 24h or 1m"))
	}
	if s.AuditKeep < 0 {
		problems = append(problems, errors.New("--audit-keep must not be negative"))
	}
	_, err := findStore(s.Database)
	return errors.Join(append(problems, err)...)
}

// configFlag is the path of a configuration file, whose settings count where
// neither a flag nor the environment says otherwise.
type configFlag string

// BeforeResolve is called by kong before it settles the flags.
func (configFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFlag)) //nolint:forcetypeassert // it is this flag
	if path == "" {
		return nil
	}
	settings, problems := readConfig(path, k.Model)
	if len(problems) > 0 {
		return errors.Join(inFile(path, problems)...)
	}
	ctx.AddResolver(settings)
	return nil
}

// configFile is a configuration file that was read: settings by the name of
// their flag. It resolves flags for kong.
type configFile map[string]any

// Validate is part of kong.Resolver; readConfig has checked the settings.
func (configFile) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value of a flag, or nil.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := c[flag.Name]
	if !ok {
		return nil, nil //nolint:nilnil // kong's way to say "not here"
	}
	for _, name := range flag.Envs {
		if os.Getenv(name) != "" {
			return nil, nil //nolint:nilnil // the environment comes before the file
		}
	}
	return value, nil
}

// readConfig reads the settings of a configuration file, except for those that the program does
// not know or cannot read, which are problems.
func readConfig(path string, app *kong.Application) (configFile, []error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("the configuration cannot be read: %w", reason(err))}
	}
	nodes, err := decodeConfig(data)
	if err != nil {
		return nil, []error{err}
	}
	known := configurable(app)
	settings := configFile{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		flag, ok := known[name]
		if !ok {
			problems = append(problems, fmt.Errorf("unknown setting %s: %s",
				settingName(name, nodes[name]), otherSettings(name, slices.Sorted(maps.Keys(known)))))
			continue
		}
		value, err := settingValue(flag, nodes[name])
		if err == nil {
			err = checkValue(flag, value)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		settings[name] = value
	}
	return settings, problems
}

// reason is why a file cannot be read, without its name.
func reason(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Err
	}
	return err
}

// inFile are the problems of a file, one a line, with its name.
func inFile(path string, problems []error) (lines []error) {
	for _, p := range problems {
		for line := range strings.SplitSeq(p.Error(), "\n") {
			lines = append(lines, fmt.Errorf("%s: %s", path, line))
		}
	}
	return lines
}

// otherSettings suggests the settings that were probably meant, or lists all of them.
func otherSettings(name string, known []string) string {
	if found := similar(name, known); len(found) > 0 {
		return didYouMean(found)
	}
	return "there are " + strings.Join(known, ", ")
}

// checkValue reports what is wrong with the value of a flag on its own.
func checkValue(flag *kong.Flag, value any) error {
	err := parseValue(flag, value)
	if err != nil && looksLikeURL(fmt.Sprint(value)) { // its errors quote the value
		return fmt.Errorf("--%s: the value is not right, and not shown, since it may have a password in it: is it another setting's?", flag.Name)
	}
	return err
}

func parseValue(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), target); err != nil {
		return err
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), fmt.Sprint(value)) {
		return fmt.Errorf("--%s: must be one of %s, not %v", flag.Name, strings.Join(flag.EnumSlice(), ", "), value)
	}
	return nil
}

// configurable returns the flags that a configuration file may set, by name: those that the
// environment may set as well, except for the file itself.
func configurable(app *kong.Application) map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	collect := func(of []*kong.Flag) {
		for _, f := range of {
			if len(f.Envs) > 0 && f.Name != "config" {
				flags[f.Name] = f
			}
		}
	}
	collect(app.Flags)
	for _, child := range app.Children {
		collect(child.Flags)
	}
	return flags
}

// warnOfEnvironment names the variables of the environment that look like settings but are not.
// They may be another program's, so that is not an error.
func warnOfEnvironment(app *kong.Application, environment []string, t terminal) {
	known := map[string]bool{"SPAREKEY_CONFIG": true}
	for _, flag := range configurable(app) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	}
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "SPAREKEY_") && !known[name] {
			fmt.Fprintf(t.err, "Warning: the environment variable %s is not a setting: \"sparekey help settings\" lists those that are\n", escapeControls(name))
		}
	}
}

type configCheckCommand struct {
	Check struct {
		File string `arg:"" optional:"" help:"The file; default: the one that --config names."`
	} `cmd:"" help:"Read a configuration file, print every problem in it, and exit with 1 if there is one."`
}

// Run checks a file as "serve" would, up to the point of doing something.
func (c *configCheckCommand) Run(all *commands, t terminal) error {
	path := c.Check.File
	if path == "" {
		path = string(all.Config)
	}
	if path == "" {
		return errors.New("no configuration to check: name the file, or give --config")
	}
	var trial commands
	parser := newParser(&trial, t)
	settings, problems := readConfig(path, parser.Model)
	problems = append(problems, without(flagsIn(problems), trial.together(parser, settings))...)
	for _, p := range inFile(path, problems) {
		fmt.Fprintf(t.err, "Error: %s\n", redactText(p.Error()))
	}
	if len(problems) > 0 {
		return exitCode(1)
	}
	fmt.Fprintf(t.out, "%s is in order.\n", path)
	return nil
}

// together is what is wrong with settings of which each can be read, or nil. It asks
// all that validate them, where kong stops at the first.
func (c *commands) together(parser *kong.Kong, settings configFile) error {
	ctx, err := kong.Trace(parser, []string{"serve"})
	if err != nil {
		return err
	}
	ctx.AddResolver(settings)
	if err := errors.Join(ctx.Reset(), ctx.Resolve()); err != nil {
		return err
	}
	if _, err := ctx.Apply(); err != nil {
		return err
	}
	_, keyErr := c.key()
	if err := errors.Join(c.Validate(), keyErr, c.Serve.Validate()); err != nil {
		return err
	}
	return ctx.Validate()
}

var flagPattern = regexp.MustCompile(`--[a-z-]*[a-z]`)

// flagsIn are the flags that problems are about.
func flagsIn(problems []error) (flags []string) {
	for _, p := range problems {
		flags = append(flags, flagPattern.FindAllString(p.Error(), -1)...)
	}
	return flags
}

// without leaves out what an error says about some flags: while one of them cannot be read,
// other findings about it would only confuse.
func without(flags []string, err error) (problems []error) {
	if err == nil {
		return nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.ContainsFunc(flagPattern.FindAllString(line, -1), func(f string) bool { return slices.Contains(flags, f) }) {
			problems = append(problems, errors.New(line))
		}
	}
	return problems
}
