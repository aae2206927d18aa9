package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/store/memory"
)

// disk is a database that may not answer, or not be writable.
type disk struct {
	memoryBackend
	ping, write error
	writes      int
}

func (d *disk) Ping(context.Context) error { return d.ping }

func (d *disk) CheckWritable(context.Context) error {
	d.writes++
	return d.write
}

func TestReady(t *testing.T) {
	t.Parallel()
	full := errors.New("database or disk is full (13)")
	for name, c := range map[string]struct {
		ping, write error
		status      int
		text        string
	}{
		"all is well":          {nil, nil, http.StatusOK, "ok"},
		"does not answer":      {errors.New("gone"), nil, http.StatusServiceUnavailable, "does not answer"},
		"full disk":            {nil, full, http.StatusServiceUnavailable, "cannot be written"},
		"read-only":            {nil, errors.New("attempt to write a readonly database (8)"), http.StatusServiceUnavailable, "cannot be written"},
		"too busy to find out": {nil, fmt.Errorf("sqlite: %w", context.DeadlineExceeded), http.StatusOK, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &disk{memoryBackend: memoryBackend{memory.New()}, ping: c.ping, write: c.write}
			h := &ready{backend: &Site{Backend: d}, log: slog.New(slog.DiscardHandler)}
			for range 20 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
				if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			if d.writes > 1 {
				t.Errorf("%d writes for requests of anyone", d.writes)
			}
		})
	}
}

// TestReadyWithoutWrites has a database take no write in time, once, and again and again.
func TestReadyWithoutWrites(t *testing.T) {
	t.Parallel()
	late := fmt.Errorf("wordpress: %w", context.DeadlineExceeded)
	d := &disk{memoryBackend: memoryBackend{memory.New()}}
	h := &ready{backend: &Site{Backend: d}, log: slog.New(slog.DiscardHandler)}
	for i, c := range []struct {
		write  error
		status int
	}{
		{late, 200}, {nil, 200}, {late, 200}, {late, 200}, {late, 503}, {late, 503}, {nil, 200}, {late, 200}, {late, 200}, {errors.New("read-only"), 503}, {late, 200},
	} {
		d.write, h.checked = c.write, time.Time{}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if w.Code != c.status {
			t.Errorf("check %d: %d %s", i, w.Code, w.Body)
		}
	}
}
