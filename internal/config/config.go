// Package config has the settings of the program: what they are called, where they are read
// from (flags, the environment, a YAML file), which values they take, and what is wrong with
// those that do not go together. It makes values of them, such as keys and rules, and runs
// nothing.
package config

import (
	"errors"
	"time"
)

// Site are what every command on the same site must agree about.
type Site struct {
	Database       string   `type:"orfile" help:"Path of a SQLite file, or URL of a database. Other accounts of the machine can see a URL with a password in ps: give it as @FILE, which reads the first line of a file, or in SPAREKEY_DATABASE." default:"sparekey.db" env:"SPAREKEY_DATABASE" group:"Settings of the site"`
	DuplicateNames string   `help:"Whether a user may have two application passwords of one name: allow, as WordPress since 6.7, or reject, as WordPress 5.7 to 6.6." enum:"allow,reject" default:"allow" env:"SPAREKEY_DUPLICATE_NAMES" group:"Settings of the site"`
	UsageInterval  Duration `help:"How long a recorded use stands before it is refreshed." default:"${usageInterval}" env:"SPAREKEY_USAGE_INTERVAL" group:"Settings of the site"`

	AuditSettings
	PolicySettings
	PublicSettings
}

// Validate is called by kong.
func (s Site) Validate() error {
	problems := s.PolicySettings.problems(s.Database, time.Duration(s.UsageInterval))
	problems = append(problems, s.PublicSettings.problems(s.Scopes.Bundles)...)
	if s.UsageInterval <= 0 {
		problems = append(problems, errors.New("--usage-interval must be longer than zero, such as 24h or 1m"))
	}
	if s.AuditKeep < 0 {
		problems = append(problems, errors.New("--audit-keep must not be negative"))
	}
	return errors.Join(problems...)
}
