package cli

import (
	"io"
	"strings"
	"unicode"

	textwidth "golang.org/x/text/width"

	"github.com/sparekey-dev/sparekey/internal/visible"
)

// heading is a column of a table for people.
type heading struct {
	title string
	cut   bool // may be cut where the terminal is too narrow
	drop  bool // may be left out where that is not enough
}

// cell is a text in a table for people.
type cell struct {
	text  string
	short string // what stands for the text where the terminal is too narrow; "": the text
	style style
}

// cells are plain texts in a row, which do nothing to a terminal.
func cells(texts ...string) (row []cell) {
	for _, text := range texts {
		row = append(row, cell{text: visible.Escape(text)})
	}
	return row
}

// columns is how many columns of a terminal a text takes: two for wide letters of East
// Asia and emoji, none for marks over the letter before (Unicode Standard Annex 11).
func columns(text string) (n int) {
	for _, r := range text {
		switch kind := textwidth.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case kind == textwidth.EastAsianWide || kind == textwidth.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// pad fills a text up with blanks to a number of columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-columns(text)))
}

// cutTo cuts a text that takes more than a number of columns, and puts "…" at its end.
func cutTo(text string, width int) string {
	if columns(text) <= width {
		return text
	}
	taken := 0
	for i, r := range text {
		if taken += columns(string(r)); taken >= width {
			return text[:i] + "…"
		}
	}
	return text
}

// table is a table for people, without frames.
type table struct {
	headings []heading
	widths   []int
	short    []int // widths of the short texts
}

const (
	columnGap = "  "
	minCut    = 12 // columns that are left of what is cut
)

func newTable(headings []heading) *table {
	t := &table{headings: headings, widths: make([]int, len(headings)), short: make([]int, len(headings))}
	for i, h := range headings {
		t.widths[i] = columns(h.title)
		t.short[i] = t.widths[i]
	}
	return t
}

// measure makes room for a row.
func (t *table) measure(row []cell) {
	for i, c := range row {
		t.widths[i] = max(t.widths[i], columns(c.text))
		t.short[i] = max(t.short[i], columns(c.shortest()))
	}
}

func (c cell) shortest() string {
	if c.short != "" {
		return c.short
	}
	return c.text
}

// fit makes the table as wide as the terminal at most, as far as that goes: by short texts
// first, then by leaving columns out, and then by cutting the widest columns that may be cut.
func (t *table) fit(width int) {
	for i := range t.widths {
		if t.excess(width) > 0 {
			t.widths[i] = t.short[i]
		}
	}
	for i, h := range t.headings {
		if h.drop && t.excess(width) > t.slack() {
			t.widths[i] = dropped
		}
	}
	for excess := t.excess(width); excess > 0; excess-- {
		widest := -1
		for i, h := range t.headings {
			if h.cut && t.widths[i] > minCut && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		t.widths[widest]--
	}
}

// dropped is the width of a column that is left out, with the gap before it.
const dropped = -len(columnGap)

// slack is by how much cutting can make the table narrower.
func (t *table) slack() (n int) {
	for i, h := range t.headings {
		if h.cut {
			n += max(0, t.widths[i]-minCut)
		}
	}
	return n
}

// excess is by how much the table is too wide.
func (t *table) excess(width int) int {
	total := len(columnGap) * (len(t.widths) - 1)
	for _, w := range t.widths {
		total += w
	}
	return total - width
}

// printHead prints the titles of the columns.
func (t *table) printHead(w io.Writer, colours bool) error {
	row := make([]cell, len(t.headings))
	for i, h := range t.headings {
		row[i] = cell{text: h.title, style: bold}
	}
	return t.printRow(w, row, colours)
}

func (t *table) printRow(w io.Writer, row []cell, colours bool) error {
	var b strings.Builder
	missing := 0 // blanks up to the next column
	for i, c := range row {
		if t.widths[i] == dropped {
			continue
		}
		text := c.text
		if columns(text) > t.widths[i] {
			text = cutTo(c.shortest(), t.widths[i])
		}
		b.WriteString(strings.Repeat(" ", missing) + c.style.paint(text, colours))
		missing = max(0, t.widths[i]-columns(text)) + len(columnGap)
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), " ")+"\n")
	return err
}
