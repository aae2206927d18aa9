package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/server"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

// commands are all that the program can do. The names follow wp-cli where it has
// the same command, so that fingers know them already.
type commands struct {
	config.Site
	Config      config.File      `help:"Read settings from this YAML file." placeholder:"FILE" env:"SPAREKEY_CONFIG" group:"Settings of the site"`
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version." group:"Settings of the site"`

	Serve       serveCommand              `cmd:"" help:"Serve application passwords over HTTP."`
	User        userCommands              `cmd:"" help:"Manage users."`
	Audit       auditCommands             `cmd:"" help:"Read and verify the audit log."`
	Throttle    throttleCommands          `cmd:"" help:"Show and clear what is throttled."`
	Import      importCommands            `cmd:"" help:"Copy users and passwords from a WordPress site."`
	Export      exportCommands            `cmd:"" help:"Copy application passwords to a WordPress site."`
	Wordpress   wordPressCommands         `cmd:"" name:"wordpress" help:"Prepare the database of a WordPress site."`
	Check       configCheckCommand        `cmd:"" name:"config" help:"Check the configuration file."`
	Doctor      doctorCommand             `cmd:"" help:"Find out why a client is refused with 401."`
	Version     versionCommand            `cmd:"" help:"Print the version."`
	Completions kongcompletion.Completion `cmd:"" name:"completion" help:"Set up completion of commands in your shell."`
	Help        helpCommand               `cmd:"" help:"Show the help of a command, as --help does."`
}

// exitCode ends the program with a status. It is what a command returns when
// everything there is to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exitStatus unwinds out of kong when it wants the program to end.
type exitStatus int

// run executes one command line and returns the status to exit with.
func run(ctx context.Context, args []string, t terminal) (status int) {
	var c commands
	defer func() {
		if p := recover(); p != nil {
			code, ok := p.(exitStatus)
			if !ok {
				panic(p)
			}
			status = int(code)
		}
	}()
	parser := newParser(&c, t)
	completeWords(parser)
	args, err := c.helpAsFlag(parser, args, t)
	if err != nil {
		return report(err, args, t)
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		for _, name := range config.UnknownVariables(parser.Model, os.Environ()) {
			fmt.Fprintf(t.err, "Warning: the environment variable %s is not a setting: \"sparekey help settings\" lists those that are\n", visible.Escape(name))
		}
		c.warnOfDatabaseFiles(parsed.Command(), t)
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(&c, t)
	}
	return report(err, args, t)
}

// report says what went wrong with a command line, and returns the status to exit
// with.
func report(err error, args []string, t terminal) (status int) {
	var code exitCode
	var usage *kong.ParseError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage) && isIncomplete(usage):
		reportIncomplete(usage, t)
	case errors.As(err, &usage):
		fmt.Fprintf(t.err, "Error: %s\n", config.RedactText(usageText(usage, args)))
		fmt.Fprintf(t.err, "Run \"%s --help\" to see how it is used.\n", commandOf(usage.Context).FullPath())
	default:
		fmt.Fprintf(t.err, "Error: %s\n", config.RedactText(err.Error()))
	}
	return 1
}

// completeWords answers a shell that asks for completions, and then ends the program.
func completeWords(parser *kong.Kong) {
	var names []string
	for _, command := range parser.Model.Children {
		names = append(names, command.Name)
	}
	kongcompletion.Register(parser, kongcompletion.WithPredictors(map[string]complete.Predictor{
		"command": complete.PredictSet(names...),
		"role":    complete.PredictSet(login.Roles()...),
	}))
}

// commandOf is the command that a line names, as far as it names one.
func commandOf(c *kong.Context) *kong.Node {
	if n := c.Selected(); n != nil {
		return n
	}
	return c.Model.Node
}

// Validate is called by kong.
func (c *commands) Validate() error {
	return errors.Join(c.Site.Validate(), server.CheckDatabase(c.Database))
}

func newParser(c *commands, t terminal) *kong.Kong {
	return kong.Must(c,
		kong.Name("sparekey"),
		kong.Description("Sparekey gives every application a password of its own."),
		kong.Writers(t.out, t.err),
		kong.Exit(func(code int) { panic(exitStatus(code)) }),
		kong.Help(c.printHelp(t)),
		kong.NamedMapper("orfile", kong.MapperFunc(config.OrFile)),
		kong.Vars{
			"version":       version(),
			"usageInterval": humantime.Format(sparekey.DefaultUsageInterval),
			"roles":         strings.Join(login.Roles(), ", "),
			"defaultRole":   login.DefaultRole,
		},
		kong.Vars(config.ThrottleDefaults()),
	)
}

// site is an opened database, as the commands use it.
type site struct{ *server.Site }

// open opens the database that the settings name.
func (c *commands) open(ctx context.Context, how server.Opening) (*site, error) {
	s, err := server.Open(ctx, &c.Site, how, sparekey.Config{})
	if err != nil {
		return nil, err
	}
	return &site{s}, nil
}

// with opens the database for the time of one command. It reports an error on closing, since
// that may mean that something was not kept.
func (c *commands) with(ctx context.Context, do func(*site) error) error {
	return c.withDatabase(ctx, server.Opening{}, do)
}

// withDatabase is with, on a database that is opened in a way of its own.
func (c *commands) withDatabase(ctx context.Context, how server.Opening, do func(*site) error) error {
	s, err := c.open(ctx, how)
	if err != nil {
		return err
	}
	return errors.Join(server.KeyAdvice(do(s)), s.Close())
}

// toChange is with, for what must be on record: it does nothing where that could
// not be.
func (c *commands) toChange(ctx context.Context, do func(*site) error) error {
	return c.with(ctx, func(s *site) error {
		if err := s.CheckKey(ctx); err != nil {
			return err
		}
		return do(s)
	})
}
