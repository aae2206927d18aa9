package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/visible"
	"golang.org/x/term"
)

// secret is the application password: never an argument, which other users of the
// machine and the shell's history would see.
func (c *doctorCommand) secret(t terminal) (string, error) {
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return "", fmt.Errorf("read the application password: %w", err)
		}
		return nonEmptySecret(strings.TrimRight(string(text), "\r\n"))
	}
	in, ok := t.in.(*os.File)
	if !c.SecretStdin && ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprintf(t.err, "Application password of %s: ", visible.Escape(c.Login))
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(t.err)
		if err != nil {
			return "", fmt.Errorf("read the application password: %w", err)
		}
		return nonEmptySecret(string(text))
	}
	if !c.SecretStdin {
		return "", errors.New("found no terminal to ask for the application password on: give --secret-stdin or --secret-file")
	}
	secret, _, err := mainPassword("-", "", t)
	return secret, err
}

func nonEmptySecret(secret string) (string, error) {
	if secret == "" {
		return "", errors.New("the application password is empty")
	}
	return secret, nil
}
