package main

import (
	"fmt"

	"github.com/sparekey-dev/sparekey"
)

// callbacks are the rules of --allow-callback.
func (c *serveCommand) callbacks() (all []sparekey.Callback, err error) {
	for _, text := range c.AllowCallback {
		rule, err := sparekey.ParseCallback(text)
		if err != nil {
			return nil, fmt.Errorf("--allow-callback %q %w", redactURL(text), err)
		}
		all = append(all, rule)
	}
	return all, nil
}
