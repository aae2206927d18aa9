package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/rest"
)

// reasons lists, for every reason of a refusal, what a client sees: by default, and with
// WordPress's own errors configured.
func reasons() map[sparekey.Reason]struct{ usual, telling string } {
	return map[sparekey.Reason]struct{ usual, telling string }{
		sparekey.ReasonMalformed:       {"incorrect_password", "incorrect_password"},
		sparekey.ReasonUnknownLogin:    {"incorrect_password", "invalid_username"},
		sparekey.ReasonUnknownEmail:    {"incorrect_password", "invalid_email"},
		sparekey.ReasonWrongSecret:     {"incorrect_password", "incorrect_password"},
		sparekey.ReasonInsecure:        {"application_passwords_disabled", "application_passwords_disabled"},
		sparekey.ReasonDisabled:        {"application_passwords_disabled", "application_passwords_disabled"},
		sparekey.ReasonDisabledForUser: {"application_passwords_disabled_for_user", "application_passwords_disabled_for_user"},
		sparekey.ReasonExpired:         {"application_password_expired", "application_password_expired"},
		sparekey.ReasonUsedUp:          {"application_password_used_up", "application_password_used_up"},
		sparekey.ReasonUnused:          {"application_password_unused", "application_password_unused"},
		sparekey.ReasonOutOfScope:      {"application_password_out_of_scope", "application_password_out_of_scope"},
		sparekey.ReasonOutOfNetwork:    {"application_password_out_of_network", "application_password_out_of_network"},
	}
}

// isAboutLimits reports whether only a caller with the right secret gets this reason, so that
// the message is that of the limit.
func isAboutLimits(r sparekey.Reason) bool {
	return strings.HasPrefix(reasons()[r].usual, "application_password_") // of which the others have no "_" there
}

func TestReasonsAreAllTold(t *testing.T) {
	t.Parallel()
	for _, reason := range sparekey.Reasons() {
		want, ok := reasons()[reason]
		if !ok {
			t.Errorf("no code is known for the reason %s", reason)
			continue
		}
		refuse := func(context.Context, sparekey.Attempt) error { return sparekey.Refuse(reason, "from a hook") }
		for telling, code := range map[bool]string{false: want.usual, true: want.telling} {
			s := newSite(t, options{
				service: sparekey.Config{Admit: refuse}, rest: rest.Config{WordPressErrors: telling},
			})
			w := s.do("GET", "/wp-json/", "sub", "")
			status := http.StatusUnauthorized
			if reason == sparekey.ReasonOutOfScope || reason == sparekey.ReasonOutOfNetwork {
				status = http.StatusForbidden
			}
			wantError(t, w, status, code)
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (status == http.StatusUnauthorized) {
				t.Errorf("%s: challenged: %v", reason, challenged)
			}
			if told := strings.Contains(w.Body.String(), "from a hook"); told != isAboutLimits(reason) {
				t.Errorf("%s: the answer has the refusal's own message: %v: %s", reason, told, w.Body)
			}
		}
	}
}

func TestUnknownUserAndWrongSecretAreTheSame(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	var first string
	for _, login := range []string{"sub", "sub@example.org", "unknown", "unknown@example.org"} {
		r := s.request("GET", s.passwords("sub"), "", nil)
		r.SetBasicAuth(login, "abcd EFGH 1234 ijkl MNOP 5678")
		answer := dump(t, s.send(r))
		if first == "" {
			first = answer
		}
		if answer != first {
			t.Errorf("%s got\n%s\nrather than\n%s", login, answer, first)
		}
	}
}

func TestHooksSpeakForThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{
		Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error {
			return sparekey.Refuse("office_hours_only", "Come back tomorrow.")
		},
	}})
	w := s.do("GET", "/wp-json/", "sub", "")
	wantError(t, w, http.StatusUnauthorized, "office_hours_only")
	if !strings.Contains(w.Body.String(), "Come back tomorrow.") {
		t.Errorf("the hook's message is missing: %s", w.Body)
	}
}

func TestForbiddenCredential(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{
		Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error { return sparekey.ErrForbidden },
	}})
	w := s.do("GET", "/wp-json/", "sub", "")
	wantError(t, w, http.StatusForbidden, "rest_forbidden")
	if w.Header().Get("WWW-Authenticate") != "" {
		t.Error("a 403 with a challenge")
	}
}

// TestBrokenHooks has each hook fail, and each fail loudly: the answer is 503 or
// 500 in an error's form, the log has the reason, and nothing was done.
func TestBrokenHooks(t *testing.T) {
	t.Parallel()
	const reason = "crossed wires"
	broken := errors.New(reason)
	hooks := map[string]func(fail func() error) options{
		"Available": func(fail func() error) options {
			return options{service: sparekey.Config{Available: func(context.Context) (bool, error) { return true, fail() }}}
		},
		"AvailableFor": func(fail func() error) options {
			return options{service: sparekey.Config{AvailableFor: func(context.Context, sparekey.User) (bool, error) { return true, fail() }}}
		},
		"Admit": func(fail func() error) options {
			return options{service: sparekey.Config{Admit: func(context.Context, sparekey.Attempt) error { return fail() }}}
		},
		"Check": func(fail func() error) options {
			return options{service: sparekey.Config{Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error { return fail() }}}
		},
		"Allow": func(fail func() error) options {
			return options{service: sparekey.Config{Allow: func(context.Context, sparekey.User, sparekey.User) (bool, error) { return true, fail() }}}
		},
		"Origin": func(fail func() error) options {
			return options{rest: rest.Config{Origin: func(r *http.Request) clientip.Origin {
				if fail() != nil {
					panic(reason) // it cannot return an error
				}
				return clientip.FromPeer(r)
			}}}
		},
	}
	failures := map[string]func() error{
		"error": func() error { return broken },
		"panic": func() error { panic(reason) },
	}
	for hook, with := range hooks {
		for failure, fail := range failures {
			t.Run(hook+"/"+failure, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, with(fail))
				w := s.do("POST", s.passwords("sub"), "sub", `{"name":"new"}`)
				switch got := code(t, w); {
				case w.Code == http.StatusServiceUnavailable && got == "service_unavailable":
				case w.Code == http.StatusInternalServerError && got == "internal_server_error":
				default:
					t.Errorf("got status %d: %s", w.Code, w.Body)
				}
				if strings.Contains(w.Body.String(), reason) {
					t.Errorf("the client learns the reason: %s", w.Body)
				}
				if log := s.log.String(); !strings.Contains(log, reason) {
					t.Errorf("the log has no reason: %s", log)
				}
				if strings.Contains(s.log.String(), s.secrets["sub"].Reveal()) {
					t.Error("the log has a secret")
				}
				if got := s.names(t, "sub"); len(got) != 1 {
					t.Errorf("an application password was made: %v", got)
				}
			})
		}
	}
}

func TestIndexSaysNothingOfWhatCannotBeTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{
		Available: func(context.Context) (bool, error) { return false, errors.New("unknown") },
	}})
	wantError(t, s.do("GET", "/wp-json/", "", ""), http.StatusServiceUnavailable, "service_unavailable")
}

func TestAbortIsNotAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{rest: rest.Config{
		Avatar: func(sparekey.User, int) string { panic(http.ErrAbortHandler) },
	}})
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // a panic value
			t.Error("http.ErrAbortHandler did not reach the server")
		}
	}()
	s.do("GET", "/wp-json/wp/v2/users/me", "sub", "")
}

func TestClientThatLeftIsNotLogged(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	w := s.send(s.request("GET", s.passwords("sub"), "sub", nil).WithContext(ctx))
	wantStatus(t, w, http.StatusServiceUnavailable)
	if s.log.Len() > 0 {
		t.Errorf("the log has %s", s.log)
	}
}

// TestViewerCannotTell checks that a session store that is down is not taken for an anonymous
// request, or for one that is signed out.
func TestViewerCannotTell(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, path := range []string{"/wp-json/", "/wp-json/wp/v2/users/me", "/wp-json/wp/v2/users/me/application-passwords"} {
		r := httptest.NewRequest(http.MethodGet, "https://example.org"+path, nil)
		r.Header.Set("X-Session", "broken")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		wantError(t, w, http.StatusServiceUnavailable, "service_unavailable")
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
}
