package config

import (
	"fmt"

	"github.com/sparekey-dev/sparekey/web"
)

// Callbacks are the rules of --allow-callback.
func (c *Server) Callbacks() (all []web.Callback, err error) {
	for _, text := range c.AllowCallback {
		rule, err := web.ParseCallback(text)
		if err != nil {
			return nil, fmt.Errorf("--allow-callback %q %w", RedactURL(text), err)
		}
		all = append(all, rule)
	}
	return all, nil
}
