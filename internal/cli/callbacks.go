package cli

import (
	"fmt"

	"github.com/sparekey-dev/sparekey/web"
)

// callbacks are the rules of --allow-callback.
func (c *serveCommand) callbacks() (all []web.Callback, err error) {
	for _, text := range c.AllowCallback {
		rule, err := web.ParseCallback(text)
		if err != nil {
			return nil, fmt.Errorf("--allow-callback %q %w", redactURL(text), err)
		}
		all = append(all, rule)
	}
	return all, nil
}
