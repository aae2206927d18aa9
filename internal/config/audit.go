package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/sparekey-dev/sparekey/audit"
)

// AuditSettings are those of the audit log, which all commands write to.
type AuditSettings struct {
	AuditKeep Duration `help:"For how long records of the audit log are kept, such as 90d; \"serve\" removes older ones. 0: forever." default:"0" env:"SPAREKEY_AUDIT_KEEP" placeholder:"DURATION" group:"Settings of the site"`
	AuditKey  string   `help:"A file with the key that the hashes of the audit log are made with, so that an attacker with only the database cannot make them." env:"SPAREKEY_AUDIT_KEY" placeholder:"FILE" group:"Settings of the site"`
}

const minAuditKey = 16 // bytes

// AuditLogKey reads the key of the audit log, if there is one.
func (s AuditSettings) AuditLogKey() (audit.Key, error) {
	if s.AuditKey == "" {
		return nil, nil
	}
	data, err := os.ReadFile(s.AuditKey)
	if err != nil {
		return nil, fmt.Errorf("--audit-key must be a file with the key of the audit log, which \"openssl rand -hex 32\" makes: %w", err)
	}
	key := audit.Key(strings.TrimRight(string(data), "\r\n"))
	if len(key) < minAuditKey {
		return nil, fmt.Errorf("the key of the audit log, %s, has fewer than %d bytes: make one with \"openssl rand -hex 32\"", s.AuditKey, minAuditKey)
	}
	return key, nil
}
