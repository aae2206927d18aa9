package prefetch_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sparekey-dev/sparekey/internal/prefetch"
)

func TestBody(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	for name, c := range map[string]struct {
		body io.Reader
		text string
		err  error
	}{
		"none":    {nil, "", nil},
		"whole":   {strings.NewReader("name=app"), "name=app", nil},
		"bytes":   {iotest.OneByteReader(strings.NewReader("name=app")), "name=app", nil},
		"cut off": {io.MultiReader(strings.NewReader("name="), iotest.ErrReader(lost)), "name=", lost},
	} {
		text, err := io.ReadAll(prefetch.Body(c.body))
		if string(text) != c.text || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}
