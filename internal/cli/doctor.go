package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

type doctorCommand struct {
	URL         string `arg:"" help:"The site, its API, or something that application passwords guard, such as https://example.org."`
	Login       string `help:"The login or e-mail address of a client that is not let in. Its application password is asked for." placeholder:"LOGIN"`
	SecretFile  string `help:"Read the application password from this file." placeholder:"FILE" xor:"secret"`
	Prefix      string `help:"The --prefix of the server, if it has one." env:"SPAREKEY_PREFIX" placeholder:"PATH"`
	SecretStdin bool   `help:"Read the application password from standard input." xor:"secret"`
}

// Validate is called by kong.
func (c *doctorCommand) Validate() error {
	if c.Prefix != "" && !strings.HasPrefix(c.Prefix, "/") {
		return fmt.Errorf("--prefix %q must be a path such as /.sparekey", c.Prefix)
	}
	if c.Login == "" && (c.SecretFile != "" || c.SecretStdin) {
		return errors.New("--login is needed beside --secret-file and --secret-stdin: whose application password it is")
	}
	return nil
}

// Run examines a site and exits with the status of the first finding.
func (c *doctorCommand) Run(ctx context.Context, t terminal) error {
	target := doctor.Target{URL: c.URL, Login: c.Login, Prefix: c.Prefix}
	if c.Login != "" {
		secret, err := c.secret(t)
		if err != nil {
			return err
		}
		target.Secret = secret
	}
	report, err := doctor.Examine(ctx, target)
	if err != nil {
		return err
	}
	c.print(t, report)
	if status := report.ExitStatus(); status != 0 {
		return exitCode(status)
	}
	return nil
}

func (c *doctorCommand) print(t terminal, r doctor.Report) {
	for _, text := range r.OK {
		fmt.Fprintf(t.out, "%s       %s\n", t.paint(green, "ok"), visible.Escape(text))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(t.out, "%s  %s: %s\n         %s\n", t.paint(red, "PROBLEM"), f.Cause, visible.Escape(f.What), c.advice(f.Cause))
	}
	switch {
	case len(r.Findings) > 0:
	case c.Login == "":
		fmt.Fprintln(t.out, "Nothing is wrong between here and the server. With --login, the credential is tried as well.")
	default:
		fmt.Fprintln(t.out, "Nothing is wrong.")
	}
}

// advice says what to do about a cause, and what else there is to try.
func (c *doctorCommand) advice(cause doctor.Cause) string {
	switch {
	case cause == doctor.NoEffect && c.Login == "":
		return cause.Advice() + " With --login, doctor can find out more."
	case cause == doctor.NotAnAPI && c.Prefix == "":
		return cause.Advice() + " If the server has a --prefix, give doctor the same."
	}
	return cause.Advice()
}
