// Package prefetch reads the body of a request before anybody decides who sent it.
// A client can take its time with a body; what was found out before the end of it
// may be long out of date, and a session or a credential that has ended by then
// must not be good for what is in it.
package prefetch

import (
	"bytes"
	"io"
)

// Body reads all of body, which the caller has bounded, and returns it to be read
// again. The error of reading, if there was one, comes at the place where it was.
func Body(body io.Reader) io.ReadCloser {
	if body == nil {
		return io.NopCloser(bytes.NewReader(nil))
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
	}
	return io.NopCloser(bytes.NewReader(text))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
