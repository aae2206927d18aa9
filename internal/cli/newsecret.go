package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sparekey-dev/sparekey"
)

// newSecretFlags choose how a new secret is printed.
type newSecretFlags struct {
	Porcelain bool   `help:"Print the 24 characters alone."`
	Format    string `help:"One of ${enum}: as text, or as one JSON object with the password and all fields." enum:"text,json" default:"text" placeholder:"FORMAT"`
}

// Validate is called by kong.
func (f newSecretFlags) Validate() error {
	if f.Porcelain && f.Format == "json" {
		return errors.New("--porcelain prints the 24 characters alone: leave it out to get JSON, or leave --format=json out")
	}
	return nil
}

// isForPrograms reports whether programs read what is printed.
func (f newSecretFlags) isForPrograms() bool { return f.Porcelain || f.Format == "json" }

// print prints a secret for programs, in JSON with the fields of "list" and "get". Of those,
// password has the secret instead of its hash.
func (f newSecretFlags) print(t terminal, svc *sparekey.Service, owner sparekey.User, secret sparekey.Secret, c sparekey.Credential) error {
	if f.Porcelain {
		_, err := fmt.Fprintln(t.out, secret.Reveal())
		return err
	}
	r := credentialRow(svc, c)
	r["user"], r["user_login"], r["password"] = owner.ID, owner.Login, secret.Reveal()
	l := listing{columns: slices.Concat([]string{"user", "user_login"}, passwordColumns, limitColumns)}
	item, err := l.json(r)
	if err != nil {
		return err
	}
	return json.NewEncoder(t.out).Encode(item)
}
