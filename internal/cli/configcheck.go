package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/sparekey-dev/sparekey/internal/config"
)

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
	settings, problems := config.ReadFile(path, parser.Model)
	problems = append(problems, without(flagsIn(problems), trial.together(parser, settings))...)
	for _, p := range config.InFile(path, problems) {
		fmt.Fprintf(t.err, "Error: %s\n", config.RedactText(p.Error()))
	}
	if len(problems) > 0 {
		return exitCode(1)
	}
	fmt.Fprintf(t.out, "%s is in order.\n", path)
	return nil
}

// together is what is wrong with settings of which each can be read, or nil. It asks
// all that validate them, where kong stops at the first.
func (c *commands) together(parser *kong.Kong, settings config.Settings) error {
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
	_, keyErr := c.AuditLogKey()
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
