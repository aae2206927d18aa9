package upstream

import "io"

// window is a part of a body that is looked through as it streams.
type window struct {
	body io.ReadCloser
	text []byte // read, and not passed on yet
	free int    // how much of text may be passed on
	err  error  // at the end of text
}

// pass reads what may be passed on. It calls fill until there is something, or the body ends.
func (w *window) pass(p []byte, fill func()) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for w.free == 0 && w.err == nil {
		fill()
	}
	if w.free == 0 {
		return 0, w.err
	}
	n := copy(p, w.text[:w.free])
	w.text, w.free = w.text[n:], w.free-n
	return n, nil
}

// refuse ends the body before the text.
func (w *window) refuse() { w.text, w.free, w.err = nil, 0, ErrForbiddenField }

// Close is part of io.Closer.
func (w *window) Close() error { return w.body.Close() }
