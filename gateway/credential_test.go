package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
)

// attempts is an Authenticator that accepts every attempt, and keeps the last login.
type attempts struct{ login string }

func (a *attempts) Authenticate(_ context.Context, attempt sparekey.Attempt) (sparekey.Identity, error) {
	a.login = attempt.Login
	return sparekey.Identity{User: sparekey.User{ID: "1", Login: attempt.Login}}, nil
}

const (
	basicX = "Basic eDp5" // x:y
	basicZ = "Basic ejp5" // z:y
)

// TestWhichCredential has requests with several headers, and looks at which login is
// judged and at what is left for the application.
func TestWhichCredential(t *testing.T) {
	t.Parallel()
	const refused, anonymous = "refused", ""
	for _, c := range []struct {
		authorization, proxy []string
		login                string
		left, forwarded      []string // of Authorization, for the application
	}{
		{nil, nil, anonymous, nil, nil},
		{[]string{basicX}, nil, "x", nil, []string{basicX}},
		{[]string{"basic eDp5"}, nil, "x", nil, []string{"basic eDp5"}},
		{[]string{"Bearer t"}, nil, anonymous, []string{"Bearer t"}, []string{"Bearer t"}},
		{[]string{"Bearer t", "Digest u"}, nil, anonymous, []string{"Bearer t", "Digest u"}, []string{"Bearer t", "Digest u"}},
		{nil, []string{basicX}, "x", nil, []string{basicX}},
		{[]string{"Bearer t"}, []string{basicX}, "x", []string{"Bearer t"}, []string{"Bearer t"}},
		{[]string{`Digest username="ann"`}, []string{"BASIC eDp5"}, "x", []string{`Digest username="ann"`}, []string{`Digest username="ann"`}},
		{[]string{"token"}, []string{basicX}, "x", []string{"token"}, []string{"token"}},
		{[]string{""}, []string{basicX}, "x", []string{""}, []string{basicX}},
		{[]string{basicX}, []string{"Negotiate t"}, "x", nil, []string{basicX}},
		{[]string{"Bearer t"}, []string{"Bearer u"}, anonymous, []string{"Bearer t"}, []string{"Bearer t"}},
		{nil, []string{"Negotiate t"}, anonymous, nil, nil},

		// Two credentials.
		{[]string{basicX}, []string{basicX}, refused, nil, nil},
		{[]string{basicX}, []string{basicZ}, refused, nil, nil},
		{[]string{"Basic"}, []string{basicX}, refused, nil, nil},
		{[]string{basicX}, []string{"Basic"}, refused, nil, nil},
		{[]string{"basic\teDp5"}, []string{basicZ}, refused, nil, nil},
		{[]string{"Basic2 eDp5"}, []string{basicZ}, refused, nil, nil},
		{[]string{"Bearer t, " + basicX}, []string{basicZ}, refused, nil, nil},
		{[]string{"Bearer t", basicX}, nil, refused, nil, nil},
		{[]string{"Bearer t", basicX}, []string{basicZ}, refused, nil, nil},
		{nil, []string{basicX, basicX}, refused, nil, nil},
		{nil, []string{basicX, basicZ}, refused, nil, nil},
		{[]string{"Bearer t"}, []string{"Bearer u", basicX}, refused, nil, nil},
		{nil, []string{basicX + ", " + basicZ}, refused, nil, nil},
		{nil, []string{"Basic"}, refused, nil, nil},
	} {
		t.Run(fmt.Sprintf("%q %q", c.authorization, c.proxy), func(t *testing.T) {
			t.Parallel()
			auth := &attempts{}
			g := gateway.New(auth, gateway.Config{Optional: true})
			r := request(http.MethodGet, "/a")
			r.Header["Authorization"], r.Header["Proxy-Authorization"] = c.authorization, c.proxy
			d := g.Decide(r, loopback)
			if c.login == refused {
				if d.Outcome != gateway.Refused || d.Status() != http.StatusUnauthorized || d.Rule != "malformed" || d.Message() == "" || auth.login != "" {
					t.Errorf("%v %d by %q, for the login %q", d.Outcome, d.Status(), d.Rule, auth.login)
				}
				return
			}
			if d.Outcome != gateway.Allowed || auth.login != c.login {
				t.Errorf("%v by %q, for the login %q: %v", d.Outcome, d.Rule, auth.login, d.Err)
			}
			if !slices.Equal(r.Header["Authorization"], c.authorization) || !slices.Equal(r.Header["Proxy-Authorization"], c.proxy) {
				t.Errorf("the decision changed the request: %v", r.Header)
			}
			stripped, forwarded := r.Header.Clone(), r.Header.Clone()
			gateway.StripCredential(stripped)
			gateway.ForwardCredential(forwarded, r.Header)
			if !slices.Equal(stripped["Authorization"], c.left) || !slices.Equal(forwarded["Authorization"], c.forwarded) ||
				stripped["Proxy-Authorization"] != nil || forwarded["Proxy-Authorization"] != nil {
				t.Errorf("the application gets %v, or %v", stripped, forwarded)
			}
		})
	}
}

// TestLooksBasic has values that programs take for Basic though they are not: these must
// not reach the application, or a credential that was never checked could be used there.
func TestLooksBasic(t *testing.T) {
	t.Parallel()
	for value, passes := range map[string]bool{
		// Taken for Basic by programs that look at the first word, search for "Basic " or
		// `Basic\s+`, split at blanks or commas, or fold letters.
		"Basic2 eDp5":                   false,
		"Basic-eDp5 x":                  false,
		"BasicAuth eDp5":                false,
		"XBasic eDp5":                   false,
		"x-basic eDp5":                  false,
		"Bearer x, Basic eDp5":          false,
		"Bearer x,Basic eDp5":           false,
		"Bearer x;basic eDp5":           false,
		"Bearer Basic eDp5":             false,
		"Bearer\tBasic eDp5":            false,
		"Bearer BASIC":                  false,
		"\tBasic eDp5":                  false,
		"Basic:eDp5":                    false,
		"Basic=eDp5":                    false,
		"Basic,eDp5":                    false,
		"Basic\u00a0eDp5":               false,
		"Ba\u017fic eDp5":               false,
		"Bas\u0131c eDp5":               false,
		"\u00bfBasic eDp5":              false,
		`"Basic" eDp5`:                  false,
		"'Basic eDp5'":                  false,
		"[Basic eDp5]":                  false,
		`Digest realm="x", Basic eDp5`:  false,
		"Negotiate x\u00a0Basic\teDp5":  false,
		"Proxy-Authorization:Basic x==": false,
		"1Basic eDp5":                   false,
		"_Basic_ eDp5":                  false,

		// Those of applications.
		"Bearer t":                           true,
		"bearer eyJhbGciOiJub25lIn0.e30.x_-": true,
		"Token token=\"abc\"":                true,
		"token gho_16C7e42F292c6912E7710":    true,
		"Digest username=\"ann\", realm=\"r\", nonce=\"b\", uri=\"/\", response=\"0\", cnonce=\"\u00fc\"":   true,
		"AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=f": true,
		"Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+gMDAu":                                                        true,
		"NTLM TlRMTVNTUAABAAAA":                     true,
		"DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_": true,
		"Hawk id=\"dh37\", ts=\"1353832234\"":       true,
		"SharedKey account:signature=":              true,
		"ApiKey abc":                                true,
		"0123456789abcdef":                          true,
		"Bearer xbasicx":                            true, // in a token, by chance
		"Bearer abasic1basicb":                      true,
		"Bearer bas ic":                             true,
		"":                                          true,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			d := gateway.New(&attempts{}, gateway.Config{Optional: true}).Decide(request(http.MethodGet, "/a", "Authorization", value), loopback)
			if (d.Outcome == gateway.Allowed) != passes || passes && d.Rule != gateway.RuleAnonymous || !passes && d.Status() != http.StatusUnauthorized {
				t.Errorf("%v by %q: %v", d.Outcome, d.Rule, d.Err)
			}
			h := http.Header{"Authorization": {value}}
			gateway.StripCredential(h)
			if (h["Authorization"] != nil) != passes {
				t.Errorf("the application gets %q", h["Authorization"])
			}
		})
	}
}

// FuzzLooksBasic has whatever is allowed as anonymous be nothing that the usual programs
// take for Basic.
func FuzzLooksBasic(f *testing.F) {
	for _, seed := range []string{"", "Bearer x", "Basic eDp5", "x Basic y", "Bearer x,basic y", "Ba\u017fic x"} {
		f.Add(seed)
	}
	g := gateway.New(&attempts{}, gateway.Config{Optional: true})
	f.Fuzz(func(t *testing.T, value string) {
		d := g.Decide(request(http.MethodGet, "/a", "Authorization", value), loopback)
		if d.Outcome != gateway.Allowed || d.Rule != gateway.RuleAnonymous {
			return
		}
		first, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		for _, folded := range []string{strings.ToLower(value), strings.ToLower(strings.ToUpper(value))} {
			if strings.HasPrefix(folded, "basic") || strings.Contains(folded, "basic ") || strings.Contains(folded, "basic\t") {
				t.Errorf("%q passes", value)
			}
		}
		if strings.EqualFold(first, "Basic") {
			t.Errorf("%q passes", value)
		}
	})
}
