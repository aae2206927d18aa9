package wpname_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey/internal/wpname"
)

// names are names and what WordPress 7.1 stores for them, observed on a running
// site. Where it refuses a name, the answer is "" or "0".
var names = []struct{ in, want string }{
	{" trim  me ", "trim me"},
	{"a\tb\nc", "a b c"},
	{`a < "b" 'c' & d`, "a &lt; &quot;b&quot; &#039;c&#039; &amp; d"},
	{"a > b", "a > b"},
	{"a & b", "a & b"},
	{"a &amp; b", "a &amp; b"},
	{"< >", "< >"},
	{"%41bc", "bc"},
	{"100%", "100%"},
	{"%zz", "%zz"},
	{"<SCRIPT>\n1</SCRIPT >k", "1k"},
	{"a<b", "a&lt;b"},
	{"<b>bold</b> x", "bold x"},
	{"<script>x</script>ok", "ok"},
	{"1<2>3<4", "13&lt;4"},
	{"50%25off", "50off"},
	{"\u00a0nbsp\u00a0", "\u00a0nbsp\u00a0"},

	{"%4%411", ""},
	{"<b></b>", ""},
	{"<>", ""},
	{"%E2%98%83", ""},
	{"<img src=x onerror=alert(1)>", ""},
	{"0", "0"},
	{"", ""},

	{"phone \U0001f600", "phone \U0001f600"},
	{"a\u200bb\u202ec\u2028d", "a\u200bb\u202ec\u2028d"},
	{"a\x00b\x07c", "a\x00b\x07c"},
	{"Cafe\u0301 CAFÉ", "Cafe\u0301 CAFÉ"},
	{`back\slash`, `back\slash`},
}

func TestSanitize(t *testing.T) {
	t.Parallel()
	for _, test := range names {
		if got := wpname.Sanitize(test.in); got != test.want {
			t.Errorf("Sanitize(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestSanitizeRefusesInvalidUTF8(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"\xff", "phone\xc3", "\xc0\xaf", "\xed\xa0\x80", "ok <b\xff>"} {
		if got := wpname.Sanitize(name); got != "" {
			t.Errorf("Sanitize(%q) = %q, want nothing", name, got)
		}
	}
}

// A "<" makes the text behind it HTML, so that its "&" counts as one or not.
func TestSanitizeKeepsCharacterReferences(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"<&amp; &copy; &frac14;", "&lt;&amp; &copy; &frac14;"},
		{"<&CounterClockwiseContourIntegral;", "&lt;&CounterClockwiseContourIntegral;"},
		{"<&unknown;", "&lt;&unknown;"},
		{"<&#39; &#1114111;", "&lt;&#39; &#1114111;"},
		{"<&#x27; &#X10FFFF;", "&lt;&#x27; &#X10FFFF;"},

		{"<& b", "&lt;&amp; b"},
		{"<&", "&lt;&amp;"},
		{"<&amp", "&lt;&amp;amp"},
		{"<&;", "&lt;&amp;;"},
		{"<&1a;", "&lt;&amp;1a;"},
		{"<&é;", "&lt;&amp;é;"},
		{"<&#; &#x; &#a;", "&lt;&amp;#; &amp;#x; &amp;#a;"},
		{"<&#12345678; &#x1234567;", "&lt;&amp;#12345678; &amp;#x1234567;"},
		{"<&" + strings.Repeat("a", 32) + ";", "&lt;&amp;" + strings.Repeat("a", 32) + ";"},
	}
	for _, test := range tests {
		if got := wpname.Sanitize(test.in); got != test.want {
			t.Errorf("Sanitize(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// The corpus holds the answers of PHP 8.2, whose strip_tags has its own idea of
// malformed markup.
func TestSanitizeAsPHP(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []struct{ In, Out string }
	if err := json.Unmarshal(data, &corpus); err != nil {
		t.Fatal(err)
	}
	if len(corpus) == 0 {
		t.Fatal("the corpus is empty")
	}
	for _, pair := range corpus {
		if got := wpname.Sanitize(pair.In); got != pair.Out {
			t.Errorf("Sanitize(%q) = %q, want %q", pair.In, got, pair.Out)
		}
	}
}

// hugeNames are the names that would keep a quadratic implementation busy for
// longer than any test may run.
func hugeNames() []struct{ in, want string } {
	const n = 1 << 17
	return []struct{ in, want string }{
		{strings.Repeat("%", n) + strings.Repeat("41", n), ""},
		{strings.Repeat("%4", n) + strings.Repeat("1", n), ""},
		{strings.Repeat("%", n), strings.Repeat("%", n)},
		{strings.Repeat("<", n), strings.Repeat("&lt;", n)},
		{strings.Repeat("<a", n), strings.Repeat("&lt;a", n)},
		{strings.Repeat("< >", n), strings.Repeat("< >", n)},
		{strings.Repeat("<a", n) + ">", strings.Repeat("&lt;a", n-1)},
		{"<" + strings.Repeat("&", n), "&lt;" + strings.Repeat("&amp;", n)},
		{strings.Repeat("<script>", n), ""},
		{strings.Repeat("<script><style>", n), ""},
		{strings.Repeat("<style>", n) + "x</script>y", "xy"},
		{strings.Repeat("<script>", n) + "x</script>y", "y"},
		{strings.Repeat("<script>x</script>y", n), strings.Repeat("y", n)},
		{strings.Repeat("<?xml>", n), ""},
		{strings.Repeat("<!--x>", n), ""},
		{strings.Repeat("<b>x</b>", n), strings.Repeat("x", n)},
		{strings.Repeat(" \t", n), ""},
		{strings.Repeat("\v\x00 ", n) + "x", "x"},
		{strings.Repeat("x ", n) + "x", strings.Repeat("x ", n) + "x"},
	}
}

func TestSanitizeOfHugeNames(t *testing.T) {
	t.Parallel()
	for _, test := range hugeNames() {
		if got := wpname.Sanitize(test.in); got != test.want {
			t.Errorf("Sanitize(%.20q... of %d bytes) = %.20q... of %d bytes, want %.20q... of %d",
				test.in, len(test.in), got, len(got), test.want, len(test.want))
		}
	}
}

func BenchmarkSanitize(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 15, 1 << 20} {
		for _, unit := range []string{"My phone ", "<", "<script>", "<b>x</b>", "%%%414141"} {
			name := strings.Repeat(unit, size/len(unit))
			b.Run(fmt.Sprintf("%s/%d", unit, size), func(b *testing.B) {
				b.SetBytes(int64(len(name)))
				for b.Loop() {
					wpname.Sanitize(name)
				}
			})
		}
	}
}

var percentEncoded = regexp.MustCompile("%[0-9a-fA-F]{2}")

func FuzzSanitize(f *testing.F) {
	for _, test := range names {
		f.Add(test.in)
	}
	f.Add("a\xff")
	f.Add("<!-- <?xml \"'( -->")
	f.Fuzz(func(t *testing.T, name string) {
		got := wpname.Sanitize(name)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not valid UTF-8", got)
		}
		if strings.Trim(got, " \t\n\r\v\x00") != got {
			t.Errorf("%q is not trimmed", got)
		}
		if strings.ContainsAny(got, "\t\n\r") || strings.Contains(got, "  ") {
			t.Errorf("%q has white space other than single spaces", got)
		}
		if percentEncoded.MatchString(got) {
			t.Errorf("%q has a percent-encoded byte", got)
		}
	})
}

func ExampleSanitize() {
	fmt.Println(wpname.Sanitize("  <b>My</b>\n phone %41"))
	fmt.Println(wpname.Sanitize("I <3 my phone"))
	// Output:
	// My phone
	// I &lt;3 my phone
}
