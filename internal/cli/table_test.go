package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestColumns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "Phone": 5, "名前": 4, "é": 1, "e\u0301": 1, "ｆ": 2, "ｱ": 1, "🔑": 2, "ÄÖ": 2, "한글": 4,
	} {
		if got := columns(text); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
}

func TestCutTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"Phone", 5, "Phone"}, {"Phones", 5, "Phon…"}, {"名前の電話", 10, "名前の電話"}, {"名前の電話", 9, "名前の電…"},
		{"名前の電話", 8, "名前の…"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		got := cutTo(c.text, c.width)
		if got != c.want || columns(got) > c.width {
			t.Errorf("%q to %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// TestTableFits prints rows in terminals of several widths: lines are no longer than the
// terminal, and columns that may not be cut are whole.
func TestTableFits(t *testing.T) {
	t.Parallel()
	rows := [][]cell{
		{{text: "0123456789abcdef", short: "0123"}, {text: "A rather long name that someone typed"}, {text: "active", style: green}},
		{{text: "fedcba9876543210", short: "fedc"}, {text: "名前の電話名前の電話"}, {text: "expired", style: red}},
	}
	for width, want := range map[int]string{
		80: "0123456789abcdef  A rather long name that someone typed  active",
		60: "0123  A rather long name that someone typed  active",
		30: "0123  A rather long …  active",
		10: "0123  A rather lo…  active", // no narrower than that
	} {
		lines := newTable([]heading{{title: "ID"}, {title: "NAME", cut: true}, {title: "STATE"}})
		for _, row := range rows {
			lines.measure(row)
		}
		lines.fit(width)
		var b strings.Builder
		for _, row := range rows {
			if err := lines.printRow(&b, row, false); err != nil {
				t.Fatal(err)
			}
		}
		printed := strings.Split(b.String(), "\n")
		if printed[0] != want {
			t.Errorf("in %d: %q, want %q", width, printed[0], want)
		}
		for _, line := range printed {
			if columns(line) > max(width, 4+2+minCut+2+7) {
				t.Errorf("in %d: %d columns: %q", width, columns(line), line)
			}
		}
		if !strings.HasSuffix(printed[0], "  active") || !strings.HasSuffix(printed[1], "  expired") {
			t.Errorf("in %d: %q", width, printed)
		}
	}
}

func TestFromNow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		away time.Duration // before now
		want string
	}{
		{0, "just now"}, {59 * time.Second, "just now"}, {time.Minute, "1 minute ago"}, {90 * time.Minute, "1 hour ago"},
		{47 * time.Hour, "1 day ago"}, {48 * time.Hour, "2 days ago"}, {29*oneDay + time.Hour, "29 days ago"},
		{-time.Second, "in 1 minute"}, {-time.Hour, "in 1 hour"}, {-3*oneDay + time.Second, "in 3 days"}, {-25 * time.Hour, "in 1 day"},
		{-30 * oneDay, now.Add(30 * oneDay).Local().Format(dayLayout)}, {400 * oneDay, now.Add(-400 * oneDay).Local().Format(dayLayout)},
	} {
		if got := fromNow(now.Add(-c.away), now, "never"); got != c.want {
			t.Errorf("%v before now: %q, want %q", c.away, got, c.want)
		}
	}
	if got := fromNow(time.Time{}, now, "never"); got != "never" {
		t.Errorf("no time: %q", got)
	}
}

// TestTableDrops leaves columns out, one after the other, where cutting is not enough.
func TestTableDrops(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{
		40: "0123456789  0123456789  0123456789  end",
		39: "0123456789  0123456789  0123456789  end",
		38: "0123456789  0123456789  end",
		27: "0123456789  0123456789  end",
		20: "0123456789  end",
		5:  "0123456789  end",
	} {
		lines := newTable([]heading{{title: "A"}, {title: "B", drop: true}, {title: "C", drop: true}, {title: "D"}})
		row := cells("0123456789", "0123456789", "0123456789", "end")
		lines.measure(row)
		lines.fit(width)
		var b strings.Builder
		if err := lines.printRow(&b, row, false); err != nil || b.String() != want+"\n" {
			t.Errorf("in %d: %q, %v, want %q", width, b.String(), err, want)
		}
	}
}

// TestCredentialCells has no hash and no Unix time, and says in words whether an application
// password works.
func TestCredentialCells(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{Now: func() time.Time { return now }})
	for status, c := range map[string]sparekey.Credential{
		"active":       {},
		"expired":      {Limits: sparekey.Limits{Expires: now.Add(-time.Hour)}},
		"used up":      {Limits: sparekey.Limits{MaxUses: 3}, Uses: 3},
		"expires soon": {Limits: sparekey.Limits{Expires: now.Add(time.Hour)}},
	} {
		c.UUID, c.Name, c.Hash, c.Created = "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d", "Phone\x1b[2K", "$generic$hash", now.AddDate(0, -2, 0)
		row := credentialCells(svc, c, now)
		var text []string
		for _, cell := range row {
			text = append(text, cell.text)
		}
		line := strings.Join(text, "|")
		if row[len(row)-1].text != status {
			t.Errorf("status %q, want %q", row[len(row)-1].text, status)
		}
		for _, bad := range []string{"$generic", "\x1b", "1790"} {
			if strings.Contains(line, bad) {
				t.Errorf("%s: %q in %q", status, bad, line)
			}
		}
	}
	strict := sparekey.New(store, store, sparekey.Config{Now: func() time.Time { return now }, Policy: sparekey.Policy{RequireScopes: true, RevokeUnused: time.Hour}})
	for want, c := range map[string]sparekey.Credential{
		"inactive: no scopes": {Created: now},
		"inactive: unused":    {Created: now.Add(-2 * time.Hour), Limits: sparekey.Limits{Scopes: "read"}},
	} {
		if got, _ := statusOf(strict, c); got != want {
			t.Errorf("status %q, want %q", got, want)
		}
	}
}
