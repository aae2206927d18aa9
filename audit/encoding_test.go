package audit_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
)

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

// TestLine has the lines that the encoding must never write otherwise: others may
// have exported them.
func TestLine(t *testing.T) {
	t.Parallel()
	const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		record audit.Record
		want   string
	}{
		"as little as there can be": {
			audit.Record{Seq: 1, Time: noon, Kind: sparekey.KindRevoked},
			`{"v":1,"seq":1,"prev":"` + zeros + `","time":"2026-03-04T12:00:00Z","kind":"revoked","hash":"` + zeros + `"}`,
		},
		"as much": {
			audit.Record{
				Seq: 18446744073709551615, Prev: audit.Hash{1, 0xab}, Time: noon.In(time.FixedZone("east", 7200)), Kind: "k",
				User: "1", Login: "ann", Credential: "c", Name: "n", Actor: "2", ActorLogin: "bob", Operator: "root", By: "b",
				Addr: netip.MustParseAddr("2001:db8::1"), Method: "GET", Path: "/p", Rule: "read", Reason: "expired",
				Expires: noon, Scopes: []string{"read", "GET /x*"}, Networks: []string{"10.0.0.0/8"}, MaxUses: 3, OldUntil: noon, Roles: []string{"editor"},
				Count: 7, Since: noon, Overflow: true, Through: 9, ThroughHash: audit.Hash{2}, Hash: audit.Hash{3},
			},
			`{"v":1,"seq":18446744073709551615,"prev":"01ab` + zeros[4:] + `","time":"2026-03-04T12:00:00Z","kind":"k",` +
				`"user":"1","login":"ann","credential":"c","name":"n","actor":"2","actor_login":"bob","operator":"root","by":"b",` +
				`"addr":"2001:db8::1","method":"GET","path":"/p","rule":"read","reason":"expired",` +
				`"expires":"2026-03-04T12:00:00Z","scopes":["read","GET /x*"],"networks":["10.0.0.0/8"],"max_uses":3,"old_until":"2026-03-04T12:00:00Z","roles":["editor"],` +
				`"count":7,"since":"2026-03-04T12:00:00Z","folded":true,"through":9,"through_hash":"02` + zeros[2:] + `","hash":"03` + zeros[2:] + `"}`,
		},
		"what acts on a terminal": {
			audit.Record{Seq: 1, Time: noon, Kind: "k", Name: "\"\\\n\x00\x1b\x7f<é\u2028\u202e\U0001f511\xff"},
			`{"v":1,"seq":1,"prev":"` + zeros + `","time":"2026-03-04T12:00:00Z","kind":"k",` +
				`"name":"\"\\\u000a\u0000\u001b\u007f<\u00e9\u2028\u202e\ud83d\udd11\ufffd","hash":"` + zeros + `"}`,
		},
	} {
		if got := c.record.Line(); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
		if _, err := audit.ParseLine(c.want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryFieldIsKept sets each field of a record in turn, so that a line cannot lack one.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	fields := reflect.TypeFor[audit.Record]()
	for i := range fields.NumField() {
		r := audit.Record{Version: audit.Version, Seq: 1, Time: noon, Kind: "k"}
		field := reflect.ValueOf(&r).Elem().Field(i)
		switch field.Addr().Interface().(type) {
		case *time.Time:
			field.Set(reflect.ValueOf(noon.Add(time.Hour)))
		case *netip.Addr:
			field.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.1")))
		case *audit.Hash:
			field.Set(reflect.ValueOf(audit.Hash{31: 9}))
		case *[]string:
			field.Set(reflect.ValueOf([]string{"a", "b"}))
		case *bool:
			field.SetBool(true)
		default:
			switch {
			case field.Kind() == reflect.String:
				field.SetString("x")
			case fields.Field(i).Name != "Version" && field.CanInt():
				field.SetInt(5)
			case field.CanUint():
				field.SetUint(5)
			}
		}
		if r.ThroughHash != (audit.Hash{}) {
			r.Through = 1 // it is only there together with it
		}
		got, err := audit.ParseLine(r.Line())
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, %v\nwant %+v", fields.Field(i).Name, got, err, r)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	t.Parallel()
	good := audit.Record{Seq: 1, Time: noon, Kind: "k", Name: "é", Scopes: []string{"a"}}.Line()
	if _, err := audit.ParseLine(good); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"empty":            "",
		"no JSON":          "x",
		"half":             good[:len(good)/2],
		"an array":         "[]",
		"two":              good + good,
		"a blank after":    good + " ",
		"a blank within":   strings.Replace(good, ":", ": ", 1),
		"a newline":        good + "\n",
		"another version":  strings.Replace(good, `"v":1`, `"v":2`, 1),
		"no version":       strings.Replace(good, `"v":1,`, ``, 1),
		"unknown member":   strings.Replace(good, `"seq"`, `"x":1,"seq"`, 1),
		"member twice":     strings.Replace(good, `"kind":"k"`, `"kind":"other","kind":"k"`, 1),
		"another order":    strings.Replace(good, `"v":1,"seq":1`, `"seq":1,"v":1`, 1),
		"another case":     strings.Replace(good, `"seq"`, `"Seq"`, 1),
		"raw UTF-8":        strings.Replace(good, `\u00e9`, `é`, 1),
		"upper case":       strings.Replace(good, `\u00e9`, `\u00E9`, 1),
		"lone surrogate":   strings.Replace(good, `\u00e9`, `\ud83d`, 1),
		"zero member":      strings.Replace(good, `"name"`, `"login":"","name"`, 1),
		"null":             strings.Replace(good, `"\u00e9"`, `null`, 1),
		"empty list":       strings.Replace(good, `["a"]`, `[]`, 1),
		"another zone":     strings.Replace(good, `12:00:00Z`, `13:00:00+01:00`, 1),
		"fractions":        strings.Replace(good, `12:00:00Z`, `12:00:00.5Z`, 1),
		"short hash":       strings.Replace(good, `"prev":"00`, `"prev":"`, 1),
		"upper-case hash":  strings.Replace(good, `"prev":"00`, `"prev":"AB`, 1),
		"a number too big": strings.Replace(good, `"seq":1`, `"seq":18446744073709551616`, 1),
		"too long":         strings.Replace(good, `"k"`, `"`+strings.Repeat("k", 1<<20)+`"`, 1),
	} {
		if line == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if r, err := audit.ParseLine(line); err == nil {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(audit.Record{Seq: 1, Time: noon, Kind: "k", Name: "é\x00", Through: 3}.Line())
	f.Add(`{"v":1}`)
	f.Add(`{"v":1,"seq":1,"prev":"00","time":"","kind":"\ud800"}`)
	f.Fuzz(func(t *testing.T, line string) {
		r, err := audit.ParseLine(line)
		if err != nil {
			return
		}
		if r.Line() != line {
			t.Errorf("%q was taken, and is written %q", line, r.Line())
		}
		if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q has more than printable ASCII", line)
		}
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	want := audit.Head{Seq: 42, Hash: audit.Hash{0xab, 31: 1}}
	var got audit.Head
	if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"", "42", ":", "42:", "x:" + want.Hash.String(), "-1:" + want.Hash.String(), want.String() + "0", want.String()[:60]} {
		if err := got.UnmarshalText([]byte(text)); err == nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
