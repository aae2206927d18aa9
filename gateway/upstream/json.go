package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// readJSON adds the objects that a JSON object names in its members.
func (o *objects) readJSON(body []byte) {
	if !o.known && len(bytes.TrimSpace(body)) > 0 {
		o.c.cannotTell("the site's index does not list the route " + quote(o.route) + ", so the body may name another object")
		return
	}
	err := members(body, func(name string, value any) error {
		for _, v := range o.variables {
			if v.name != name {
				continue
			}
			switch id := value.(type) {
			case string:
				o.add(v, id, "body")
			case json.Number:
				o.add(v, id.String(), "body")
			default:
				o.cannotTell(name, "body")
			}
		}
		return nil
	})
	if err != nil {
		o.c.cannotTell("its JSON cannot be read")
	}
}

// members calls do with each member of a JSON object, also with those of the same name.
// JSON of another kind has none.
func members(body []byte, do func(name string, value any) error) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	first, err := decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	case first != json.Delim('{'):
		return nil
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if name, ok := name.(string); ok {
			if err := do(name, value); err != nil {
				return err
			}
		}
	}
	_, err = decoder.Token() // the end of the object
	return err
}
