package cli

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// terminal is where a command reads from and writes to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// isInteractive reports whether people read the output on a terminal, rather than programs.
func (t terminal) isInteractive() bool { return isTerminal(t.out) }

// canAsk reports whether a person can be asked: where questions are seen and answers typed.
func (t terminal) canAsk() bool { return isTerminal(t.in) && isTerminal(t.out) }

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := fileOf(stream)
	return ok && term.IsTerminal(int(f.Fd()))
}

// fileOf is the file of a stream, if it has one.
func fileOf(stream any) (*os.File, bool) {
	switch s := stream.(type) {
	case *os.File:
		return s, true
	case *highlighter:
		return s.file, true
	}
	return nil, false
}

// size is the width and height of the terminal that the output goes to, and 80 by 24 where
// that is not a terminal or does not know its size.
func (t terminal) size() (width, height int) {
	const usualWidth, usualHeight = 80, 24
	if f, ok := fileOf(t.out); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return usualWidth, usualHeight
}

// style is how a text looks on a terminal: an SGR sequence of ECMA-48 without its frame, or
// "" for plain text. Each text also says in words what its colour says.
type style string

const (
	unstyled style = ""
	bold     style = "1"
	faint    style = "2"
	red      style = "31"
	green    style = "32"
	yellow   style = "33"
)

// paint returns the text in a style, or as it is where colours are off.
func (s style) paint(text string, colours bool) string {
	if s == unstyled || text == "" || !colours {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// hasColours reports whether a stream is a terminal that shows colours, and its user wants
// them (https://no-color.org).
func hasColours(stream any) bool {
	kind := os.Getenv("TERM")
	return os.Getenv("NO_COLOR") == "" && kind != "" && kind != "dumb" && isTerminal(stream)
}

// paint returns the text in a style where the output shows colours.
func (t terminal) paint(s style, text string) string { return s.paint(text, hasColours(t.out)) }

// highlighter writes messages to a terminal, with their first word in colour.
type highlighter struct{ file *os.File }

// highlights are the first words of messages and their styles.
var highlights = []struct {
	word  string
	style style
}{{"Error:", "1;31"}, {"Warning:", "1;33"}, {"Refused:", "1;33"}}

// Write writes a message, which begins with the first byte of p.
func (h *highlighter) Write(p []byte) (int, error) {
	for _, l := range highlights {
		if rest, ok := bytes.CutPrefix(p, []byte(l.word)); ok {
			if _, err := io.WriteString(h.file, l.style.paint(l.word, true)+string(rest)); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	return h.file.Write(p)
}

// highlighted is a stream for messages, which shows colours where it can.
func highlighted(f *os.File) io.Writer {
	if hasColours(f) {
		return &highlighter{f}
	}
	return f
}
