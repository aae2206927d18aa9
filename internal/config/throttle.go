package config

import (
	"fmt"

	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

// ThrottleSettings say how many attempts may fail.
type ThrottleSettings struct {
	Throttle           string        `help:"Refuse wrong attempts after too many failures: on, off, or the URL of a Redis or Valkey server, such as redis://127.0.0.1:6379/0, where several servers count together. A URL with a password is safer as @FILE, which reads the first line of a file, than on the command line. Default: on." type:"orfile" default:"on" env:"SPAREKEY_THROTTLE" placeholder:"on|off|URL" group:"Throttle"`
	ThrottlePerLogin   throttle.Rate `help:"Failures of one login from one address, and the time in which they come back. Default: ${throttlePerLogin}." default:"${throttlePerLogin}" env:"SPAREKEY_THROTTLE_PER_LOGIN" placeholder:"N/TIME" group:"Throttle"`
	ThrottlePerAddress throttle.Rate `help:"Failures from one address, whatever the login; an IPv6 address is its /64, and its /56 and /48 have 4 and 16 times as many. Default: ${throttlePerAddress}." default:"${throttlePerAddress}" env:"SPAREKEY_THROTTLE_PER_ADDRESS" placeholder:"N/TIME" group:"Throttle"`
	ThrottleSite       throttle.Rate `help:"Failures of the whole site past which addresses that failed, and were never right, are throttled. Default: ${throttleSite}." default:"${throttleSite}" env:"SPAREKEY_THROTTLE_SITE" placeholder:"N/TIME" group:"Throttle"`
}

// ThrottleDefaults are for the texts of the flags.
func ThrottleDefaults() map[string]string {
	return map[string]string{
		"throttlePerLogin":   throttle.DefaultPerLogin().String(),
		"throttlePerAddress": throttle.DefaultPerAddress().String(),
		"throttleSite":       throttle.DefaultSite().String(),
	}
}

// validate is part of Server.Validate.
func (s ThrottleSettings) validate() error {
	if s.Throttle == "on" || s.Throttle == "off" {
		return nil
	}
	counts, err := redis.Open(s.Throttle)
	if err != nil {
		return fmt.Errorf("--throttle %q must be on, off, or the URL of a Redis server, such as redis://127.0.0.1:6379/0", RedactURL(s.Throttle))
	}
	return counts.Close()
}
