package server

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// TestRefusalsAreLogged wants a line to say which application password was refused, and
// what for.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	for format, handler := range map[string]func(io.Writer, *slog.HandlerOptions) slog.Handler{
		"text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
		"json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
	} {
		var log bytes.Buffer
		logEvents(slog.New(handler(&log, nil)))(t.Context(), sparekey.Event{
			Kind: sparekey.KindRefused, Reason: sparekey.ReasonOutOfScope, User: sparekey.User{Login: "ci"}, Login: "hidden-login",
			Credential: sparekey.Credential{UUID: "5f0c", Name: "Deploy\nrobot", Hash: "hidden-hash"},
			Request:    sparekey.Request{Method: "PUT", Target: "https://hidden-host/a\r\nb" + strings.Repeat("x", 9999) + "?hidden-query"},
		})
		got := log.String()
		for _, want := range []string{"out_of_scope", "ci", "5f0c", `Deploy\nrobot`, "PUT", `/a\r\nbx`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in %s", format, want, got)
			}
		}
		if strings.Contains(got, "hidden") || strings.Count(got, "\n") != 1 || len(got) > 2000 {
			t.Errorf("%s: %d bytes: %s", format, len(got), got)
		}
	}
}
