package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

// throttleSettings say who is turned away for failing too often.
type throttleSettings struct {
	Throttle           string        `help:"Turn away who fails too often: on, off, or the URL of a Redis or Valkey server, such as redis://127.0.0.1:6379/0, where several servers count together. A URL with a password is safer as @FILE, which reads the first line of a file, than on the command line. Default: on." type:"orfile" default:"on" env:"SPAREKEY_THROTTLE" placeholder:"on|off|URL" group:"Throttle"`
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
	if s.Throttle == "on" || s.Throttle == "off" {
		return nil
	}
	counts, err := redis.Open(s.Throttle)
	if err != nil {
		return fmt.Errorf("--throttle %q must be on, off, or the URL of a Redis server, such as redis://127.0.0.1:6379/0", redactURL(s.Throttle))
	}
	return counts.Close()
}

// limiter is the Limiter that the settings ask for, or nil. The server starts
// also where Redis is away, and counts for itself until it is there.
func (s throttleSettings) limiter(ctx context.Context, log *slog.Logger) (l *throttle.Limiter, stop func() error, err error) {
	config := throttle.Config{
		PerLogin: s.ThrottlePerLogin, PerAddress: s.ThrottlePerAddress, Site: s.ThrottleSite, Log: log,
	}
	stop = func() error { return nil }
	switch s.Throttle {
	case "off":
		return nil, stop, nil
	case "on":
		return throttle.New(config), stop, nil
	}
	redis.LogTo(log)
	counts, err := redis.Open(s.Throttle)
	if err != nil {
		return nil, stop, err
	}
	config.Shared = counts
	l = throttle.New(config)
	l.Reach(ctx)
	return l, counts.Close, nil
}
