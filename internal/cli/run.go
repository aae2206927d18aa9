package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/throttle"
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
			fmt.Fprintf(t.err, "Warning: the environment variable %s is not a setting: \"sparekey help settings\" lists those that are\n", escapeControls(name))
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
	_, err := findStore(c.Database)
	return errors.Join(c.Site.Validate(), err)
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

// site is an opened database with the rules on top.
type site struct {
	backend
	service  *sparekey.Service
	accounts *login.Accounts
	log      *audit.Log        // nil where the database keeps none
	limiter  *throttle.Limiter // nil: nothing is throttled
	numbers  *numbers          // nil: nothing is counted
}

// open opens the database that the settings name. Events of its repairs go to the observer of
// all other events.
func (c *commands) open(ctx context.Context, how opening, rules sparekey.Config) (*site, error) {
	how.observe = func(ctx context.Context, e sparekey.Event) {
		if rules.Observe != nil {
			rules.Observe(ctx, e)
		}
	}
	b, err := openDatabase(ctx, c.Database, how)
	if err != nil {
		return nil, err
	}
	rules.UniqueNames = c.DuplicateNames == "reject"
	rules.UsageInterval = time.Duration(c.UsageInterval)
	rules.Bundles, rules.Policy = c.Scopes.Bundles, c.Policy()
	if _, ok := b.(sparekey.Authority); !ok { // the directory has no rule of its own
		rules.Allow, rules.AllowAll = sparekey.AllowAdministrators, sparekey.AdministratorsOnly
	}
	log, err := c.openLog(b, rules.Observe)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	var accountLog login.Log
	if log != nil {
		accountLog, rules.Record = log, log.Record
		if rules.Observe != nil {
			rules.Observe = sparekey.Observers(rules.Observe, log.Observe)
		}
	}
	var limiter *throttle.Limiter
	if how.limiter != nil {
		limiter = how.limiter(b)
	}
	service := sparekey.New(b, b, limiter.Protect(rules))
	return &site{backend: b, service: service, accounts: login.New(b, accountLog, time.Now), log: log, limiter: limiter}, nil
}

// atomically makes one step of what do writes, as far as the database can.
func (s *site) atomically(ctx context.Context, do func(context.Context) error) error {
	if t, ok := s.backend.(sparekey.Transactor); ok {
		return t.Atomically(ctx, do)
	}
	return do(ctx)
}

// with opens the database for the time of one command. It reports an error on closing, since
// that may mean that something was not kept.
func (c *commands) with(ctx context.Context, do func(*site) error) error {
	return c.withDatabase(ctx, opening{}, do)
}

// withDatabase is with, on a database that is opened in a way of its own.
func (c *commands) withDatabase(ctx context.Context, how opening, do func(*site) error) error {
	s, err := c.open(ctx, how, sparekey.Config{})
	if err != nil {
		return err
	}
	return errors.Join(keyAdvice(do(s)), s.Close())
}

// toChange is with, for what must be on record: it does nothing where that could
// not be.
func (c *commands) toChange(ctx context.Context, do func(*site) error) error {
	return c.with(ctx, func(s *site) error {
		if err := s.checkKey(ctx); err != nil {
			return err
		}
		return do(s)
	})
}
