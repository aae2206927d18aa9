package main

import (
	"fmt"
	"log/slog"

	"github.com/sparekey-dev/sparekey/throttle"
)

// throttleSettings say who is turned away for failing too often.
type throttleSettings struct {
	Throttle           string        `help:"Turn away who fails too often: on, off, or the URL of a Redis or Valkey server, such as redis://127.0.0.1:6379/0, where several servers count together. Default: on." default:"on" env:"SPAREKEY_THROTTLE" placeholder:"on|off|URL" group:"Throttle"`
	ThrottlePerLogin   throttle.Rate `help:"Failures of one login from one address, and the time in which they come back. Default: ${throttlePerLogin}." default:"${throttlePerLogin}" env:"SPAREKEY_THROTTLE_PER_LOGIN" placeholder:"N/TIME" group:"Throttle"`
	ThrottlePerAddress throttle.Rate `help:"Failures from one address, whatever the login; an IPv6 address is its /64. Default: ${throttlePerAddress}." default:"${throttlePerAddress}" env:"SPAREKEY_THROTTLE_PER_ADDRESS" placeholder:"N/TIME" group:"Throttle"`
	ThrottleSite       throttle.Rate `help:"Failures of the whole site past which addresses that failed, and were never right, are turned away. Default: ${throttleSite}." default:"${throttleSite}" env:"SPAREKEY_THROTTLE_SITE" placeholder:"N/TIME" group:"Throttle"`
}

// throttleDefaults are for the texts of the flags.
func throttleDefaults() map[string]string {
	return map[string]string{
		"throttlePerLogin":   throttle.DefaultPerLogin().String(),
		"throttlePerAddress": throttle.DefaultPerAddress().String(),
		"throttleSite":       throttle.DefaultSite().String(),
	}
}

// validate is part of serveCommand.Validate.
func (s throttleSettings) validate() error {
	switch s.Throttle {
	case "on", "off":
		return nil
	}
	return fmt.Errorf("--throttle %q must be on or off", redactURL(s.Throttle))
}

// limiter is the Limiter that the settings ask for, or nil.
func (s throttleSettings) limiter(log *slog.Logger) *throttle.Limiter {
	if s.Throttle == "off" {
		return nil
	}
	return throttle.New(throttle.Config{
		PerLogin: s.ThrottlePerLogin, PerAddress: s.ThrottlePerAddress, Site: s.ThrottleSite, Log: log,
	})
}
