package phpserial_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// phpMade are values that PHP 8.2 serialised, by name.
func phpMade(tb testing.TB) map[string]string {
	tb.Helper()
	file, err := os.Open("testdata/php82.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	made := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var v struct {
			Name    string
			Encoded []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatal(err)
		}
		made[v.Name] = string(v.Encoded)
	}
	if len(made) < 20 {
		tb.Fatalf("only %d values", len(made))
	}
	return made
}

// rebuilt puts a value together anew, as far as it is made of arrays.
func rebuilt(v phpserial.Value) phpserial.Value {
	if v.Kind() != phpserial.Array {
		return v
	}
	pairs := make([]phpserial.Pair, 0, len(v.Pairs()))
	for _, p := range v.Pairs() {
		pairs = append(pairs, phpserial.Pair{Key: p.Key, Value: rebuilt(p.Value)})
	}
	return phpserial.NewArray(pairs...)
}

func TestWhatPHPMadeIsWrittenTheSame(t *testing.T) {
	t.Parallel()
	for name, encoded := range phpMade(t) {
		v, err := phpserial.Decode(encoded)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := v.Encoding(); got != encoded {
			t.Errorf("%s: got %q, want %q", name, got, encoded)
		}
		if got := rebuilt(v).Encoding(); got != encoded {
			t.Errorf("%s, put together anew: got %q, want %q", name, got, encoded)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	v, err := phpserial.Decode(`a:5:{s:4:"name";s:5:"a";b;";s:1:"n";i:-7;i:5;b:1;s:1:"f";d:1.0E+25;s:1:"z";N;}`)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := v.Get("name")
	if text, ok := name.Text(); text != `a";b;` || !ok {
		t.Errorf("text: %q, %v", text, ok)
	}
	for key, want := range map[string]string{"n": "-7", "f": "1.0E+25"} {
		got, _ := v.Get(key)
		if text, ok := got.Scalar(); text != want || !ok {
			t.Errorf("%s: %q, %v", key, text, ok)
		}
		if text, ok := got.Text(); ok {
			t.Errorf("%s is taken for the text %q", key, text)
		}
	}
	if z, ok := v.Get("z"); !ok || z.Kind() != phpserial.Null {
		t.Errorf("null: %v, %v", z.Kind(), ok)
	}
	if got, ok := v.Get("5"); ok {
		t.Errorf("an integer key is found as a text: %v", got)
	}
	if got := len(v.Pairs()); got != 5 {
		t.Errorf("%d pairs", got)
	}
}

func TestWithKeepsOrderAndTheRest(t *testing.T) {
	t.Parallel()
	v, err := phpserial.Decode(`a:3:{s:1:"a";i:007;s:1:"b";d:1.50;s:1:"c";s:0:"";}`)
	if err != nil {
		t.Fatal(err)
	}
	v = v.With("b", phpserial.NewString("é")).With("d", phpserial.NewInt(-1)).With("e", phpserial.Value{})
	want := `a:5:{s:1:"a";i:007;s:1:"b";s:2:"é";s:1:"c";s:0:"";s:1:"d";i:-1;s:1:"e";N;}`
	if got := v.Encoding(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing":                   "",
		"plain text":                "hello",
		"object":                    `O:8:"stdClass":0:{}`,
		"object in a list":          `a:1:{i:0;O:8:"stdClass":0:{}}`,
		"object of its own making":  `C:11:"ArrayObject":21:{x:i:0;a:0:{};m:a:0:{}}`,
		"enumeration":               `E:11:"Suit:Hearts";`,
		"reference":                 `a:2:{i:0;i:1;i:1;R:2;}`,
		"reference to an object":    `a:2:{i:0;i:1;i:1;r:2;}`,
		"escaped text":              `S:1:"\61";`,
		"trailing bytes":            "i:1;i:2;",
		"trailing blank":            "i:1; ",
		"text beyond the end":       `s:10:"abc";`,
		"text too short":            `s:2:"abc";`,
		"negative length":           `s:-1:"";`,
		"huge length":               `s:99999999999999999999:"";`,
		"huge array":                `a:1000000000:{}`,
		"array that claims more":    `a:2:{i:0;i:1;}`,
		"array that claims less":    `a:1:{i:0;i:1;i:1;i:1;}`,
		"array without an end":      `a:1:{i:0;i:1;`,
		"key of null":               `a:1:{N;i:1;}`,
		"key of a float":            `a:1:{d:1;i:1;}`,
		"key that is an array":      `a:1:{a:0:{}i:1;}`,
		"key twice":                 `a:2:{s:1:"a";i:1;s:1:"a";i:2;}`,
		"key twice, as number":      `a:2:{i:5;i:1;s:1:"5";i:2;}`,
		"key twice, among many":     "a:21:{" + list(20) + "i:7;N;}",
		"boolean of two":            "b:2;",
		"integer that does not fit": "i:9223372036854775808;",
		"integer of blanks":         "i: 1;",
		"integer of nothing":        "i:;",
		"integer with a point":      "i:1.5;",
		"float of nothing":          "d:;",
		"float in hex":              "d:0x1p-2;",
		"float with underscores":    "d:1_0;",
		"float of letters":          "d:infinity;",
		"float of signs":            "d:1-1;",
		"endless number":            "i:" + strings.Repeat("0", 1000) + "1;",
		"deep":                      strings.Repeat("a:1:{i:0;", 65) + "N;" + strings.Repeat("}", 65),
	} {
		v, err := phpserial.Decode(data)
		var syntax *phpserial.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: got %q, %v, want a SyntaxError", name, v.Encoding(), err)
			continue
		}
		if syntax.Offset < 0 || syntax.Offset > len(data) {
			t.Errorf("%s: offset %d of %d", name, syntax.Offset, len(data))
		}
	}
	if _, err := phpserial.Decode(strings.Repeat("a:1:{i:0;", 64) + "N;" + strings.Repeat("}", 64)); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// list is the inside of an array of n nulls.
func list(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "i:%d;N;", i)
	}
	return b.String()
}

// TestClaimsCostNothing reads what claims, at each of 64 depths, all the room
// that is left.
func TestClaimsCostNothing(t *testing.T) {
	const size = 1 << 20
	var b strings.Builder
	for range phpserial.MaxDepth {
		fmt.Fprintf(&b, "a:%d:{i:0;", size/8)
	}
	data := b.String() + strings.Repeat("i:0;N;", size/6)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := phpserial.Decode(data)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("it was read")
	}
	if got := (after.TotalAlloc - before.TotalAlloc) / size; got > 50 {
		t.Errorf("it took %d bytes for each that was read", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, encoded := range phpMade(f) {
		f.Add(encoded)
	}
	f.Add(`a:1:{i:0;O:8:"stdClass":0:{}}`)
	f.Add(strings.Repeat("a:1:{i:0;", 70))
	f.Fuzz(func(t *testing.T, data string) {
		v, err := phpserial.Decode(data)
		if err != nil {
			return
		}
		if got := v.Encoding(); got != data {
			t.Fatalf("got %q, want %q", got, data)
		}
		again, err := phpserial.Decode(rebuilt(v).Encoding())
		if err != nil {
			t.Fatalf("%q, put together anew: %v", data, err)
		}
		if got, want := rebuilt(again).Encoding(), rebuilt(v).Encoding(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	record := phpMade(b)["record"]
	for b.Loop() {
		if _, err := phpserial.Decode(record); err != nil {
			b.Fatal(err)
		}
	}
}
