package upstream

import (
	"errors"
	"io"
	"net/http"
	"slices"
)

// forbidMembers has a body of JSON that is too long to be read ahead end with
// [ErrForbiddenField] where its outermost object has one of these members, or where it is not
// JSON, before that is passed on. It may be called again with more. It says, as the rest of a
// sentence, why it cannot.
func (b *Body) forbidMembers(members []member) (why string) {
	isNew := func(m member) bool { return b.members == nil || !slices.Contains(b.members.scanner.forbidden, m) }
	switch {
	case !slices.ContainsFunc(members, isNew):
		return ""
	case b.isSealed:
		return underWay
	case b.r.Body == nil || b.r.Body == http.NoBody:
		return ""
	case b.members == nil:
		b.members = &memberGuard{window: window{body: b.r.Body}, scanner: newJSONScanner(nil)}
		b.r.Body = b.members
	}
	b.members.scanner = newJSONScanner(slices.Concat(b.members.scanner.forbidden, members)) // nothing has been read
	return ""
}

// memberGuard is a body of JSON that is looked through as it streams.
type memberGuard struct {
	window

	scanner *jsonScanner
	room    []byte // of the text in the window
}

// Read is part of io.Reader.
func (g *memberGuard) Read(p []byte) (int, error) { return g.pass(p, g.fill) }

// fill reads more, and frees what is known to be harmless. It leaves less than maxHeld behind.
func (g *memberGuard) fill() {
	if g.room == nil {
		g.room = make([]byte, 4*maxHeld)
	}
	kept := copy(g.room, g.text)
	n, err := g.body.Read(g.room[kept:])
	g.scanner.scan(g.room[kept : kept+n])
	if g.scanner.isBroken || errors.Is(err, io.EOF) && !g.scanner.finish() {
		g.refuse()
		return
	}
	g.text, g.err = g.room[:kept+n], err
	g.free = len(g.text) - g.scanner.held
	if err != nil {
		g.free = len(g.text) // the whole of it is harmless, or it breaks off anyway
	}
}

// forbidMembers has JSON that is too long to be read ahead end where it names another object
// than the path.
func (o *objects) forbidMembers(b *Body) {
	if !o.known {
		o.c.cannotTell("the site's index does not list the route " + quote(o.route) + ", so the body may name another object")
		return
	}
	var members []member
	for _, v := range o.variables {
		m := member{name: v.name}
		if v.end >= 0 {
			m.value = o.route[v.start:v.end]
		}
		members = append(members, m)
	}
	if why := b.forbidMembers(members); why != "" {
		o.c.cannotTell(why)
	}
}
