package cli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sparekey-dev/sparekey/internal/visible"
)

// listing is rows of named values, to be printed as wp-cli prints them.
type listing struct {
	columns []string // in their order
	more    []string // columns that are printed only where they are asked for
	rows    []row
	stream  iter.Seq2[row, error] // the rows where they are too many to keep; it can be run again
	id      string                // the column that --format=ids prints
	people  people
}

// people is how a listing looks to people on a terminal. Without headings it looks as it
// does to programs.
type people struct {
	headings []heading
	cells    func(row) []cell // a cell for each heading
	empty    string           // what is printed instead of a table without rows
}

// source is the key of what a row was made of, for its cells.
const source = ""

// all are the rows of the listing. An error ends them.
func (l listing) all() iter.Seq2[row, error] {
	if l.stream != nil {
		return l.stream
	}
	return func(yield func(row, error) bool) {
		for _, r := range l.rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// row holds the values of one row by column: string, []string, int64, or nil for
// none.
type row map[string]any

func (r row) text(column string) string {
	if r[column] == nil {
		return ""
	}
	if list, ok := r[column].([]string); ok {
		return strings.Join(list, "; ")
	}
	return fmt.Sprint(r[column])
}

// shown is text that does nothing to a terminal. Names are others' choice, and may have escape
// sequences that hide a line from its reader.
func (r row) shown(column string) string { return visible.Escape(r.text(column)) }

// outputFlags choose what of a listing is printed, and how.
type outputFlags struct {
	Field  string   `help:"Print the value of this one field." placeholder:"NAME"`
	Fields []string `help:"Print these fields only." placeholder:"NAME,…"`
}

// listFlags are outputFlags with the formats of a list.
type listFlags struct {
	outputFlags
	Format string `help:"One of ${enum}. Default: a table for people on a terminal, else table." enum:"table,csv,json,count,yaml,ids,auto" default:"auto" placeholder:"FORMAT"`
}

// itemFlags are outputFlags with the formats of a single row.
type itemFlags struct {
	outputFlags
	Format string `help:"One of ${enum}. Default: for people on a terminal, else table." enum:"table,csv,json,yaml,auto" default:"auto" placeholder:"FORMAT"`
}

// choose reduces a listing to the chosen columns.
func (f outputFlags) choose(l listing) (listing, error) {
	columns := l.columns
	switch {
	case f.Field != "":
		columns = []string{f.Field}
	case len(f.Fields) > 0:
		columns = f.Fields
	}
	for _, c := range columns {
		if known := slices.Concat(l.columns, l.more); !slices.Contains(known, c) {
			return listing{}, fmt.Errorf("unknown field %q: there are %s", c, strings.Join(known, ", "))
		}
	}
	l.columns = columns
	return l, nil
}

// isForPeople reports whether a listing is to be printed for people: on a terminal, unless
// a format or fields were asked for.
func (f outputFlags) isForPeople(format string, t terminal, l listing) bool {
	return format == autoFormat && f.Field == "" && len(f.Fields) == 0 && len(l.people.headings) > 0 && t.isInteractive()
}

// autoFormat is the format where none was asked for.
const autoFormat = "auto"

// print prints a list.
func (f listFlags) print(t terminal, l listing) error {
	if f.isForPeople(f.Format, t, l) {
		return l.printForPeople(t)
	}
	if f.Format == autoFormat {
		f.Format = "table"
	}
	l, err := f.choose(l)
	if err != nil {
		return err
	}
	switch {
	case f.Format == "count":
		return l.printCount(t.out)
	case f.Format == "ids":
		return l.printIDs(t.out)
	case f.Field != "" && f.Format == "table":
		return l.printValues(t.out)
	}
	return l.print(t, f.Format)
}

// print prints a single row: as a table, a line for each field.
func (f itemFlags) print(t terminal, l listing) error {
	if f.isForPeople(f.Format, t, l) {
		return l.printItemForPeople(t)
	}
	if f.Format == autoFormat {
		f.Format = "table"
	}
	l, err := f.choose(l)
	switch {
	case err != nil:
		return err
	case f.Field != "" && f.Format == "table":
		return l.printValues(t.out)
	case f.Format != "table":
		return l.print(t, f.Format)
	}
	return l.perField().printTable(t)
}

// printAlone prints a single row as wp-cli prints a user: where print prints a list
// of one, as it prints an application password.
func (f itemFlags) printAlone(t terminal, l listing) error {
	if f.Format == "table" || f.Format == autoFormat {
		return f.print(t, l)
	}
	l, err := f.choose(l)
	if err != nil {
		return err
	}
	switch f.Format {
	case "csv":
		return l.perField().printCSV(t.out)
	case "json":
		item, err := l.json(l.rows[0])
		if err != nil {
			return err
		}
		return json.NewEncoder(t.out).Encode(item)
	}
	item, err := l.yaml(l.rows[0])
	if err != nil {
		return err
	}
	if _, err := io.WriteString(t.out, "---\n"); err != nil {
		return err
	}
	return printYAMLValue(t.out, item)
}

// perField has a row for each field of the first row.
func (l listing) perField() listing {
	lines := listing{columns: []string{"Field", "Value"}}
	for _, c := range l.columns {
		lines.rows = append(lines.rows, row{"Field": c, "Value": l.rows[0].text(c)})
	}
	return lines
}

func (l listing) print(t terminal, format string) error {
	switch format {
	case "table":
		return l.printTable(t)
	case "csv":
		return l.printCSV(t.out)
	case "json":
		return l.printJSON(t.out)
	case "yaml":
		return l.printYAML(t.out)
	}
	return errors.New("unknown format " + format)
}

func (l listing) printCount(w io.Writer) error {
	n := 0
	for _, err := range l.all() {
		if err != nil {
			return err
		}
		n++
	}
	_, err := fmt.Fprint(w, n)
	return err
}

func (l listing) printIDs(w io.Writer) error {
	between := ""
	for r, err := range l.all() {
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, between+r.text(l.id)); err != nil {
			return err
		}
		between = " "
	}
	return nil
}

func (l listing) printValues(w io.Writer) error {
	for r, err := range l.all() {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, r.shown(l.columns[0])); err != nil {
			return err
		}
	}
	return nil
}

// lines returns the header and the rows as text.
func (l listing) lines() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		if !yield(slices.Clone(l.columns), nil) {
			return
		}
		for r, err := range l.all() {
			if err != nil {
				yield(nil, err)
				return
			}
			line := make([]string, len(l.columns))
			for i, c := range l.columns {
				line[i] = r.shown(c)
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// printTable prints a box on a terminal, and fields between tabs for programs.
func (l listing) printTable(t terminal) error {
	out := bufio.NewWriter(t.out)
	if t.isInteractive() {
		return errors.Join(l.printBox(out), out.Flush())
	}
	for line, err := range l.lines() {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if _, err := out.WriteString(strings.Join(line, "\t") + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// printBox goes through the rows twice, so that it need not keep them.
func (l listing) printBox(w *bufio.Writer) error {
	widths := make([]int, len(l.columns))
	rows := -1 // without the header
	for line, err := range l.lines() {
		if err != nil {
			return err
		}
		rows++
		for i, text := range line {
			widths[i] = max(widths[i], columns(text))
		}
	}
	rule := "+"
	for _, width := range widths {
		rule += strings.Repeat("-", width+2) + "+"
	}
	rule += "\n"
	fmt.Fprint(w, rule)
	isHeader := true
	for line, err := range l.lines() {
		if err != nil {
			return err
		}
		for i, text := range line {
			fmt.Fprint(w, "| "+pad(text, widths[i])+" ")
		}
		fmt.Fprint(w, "|\n")
		if isHeader {
			fmt.Fprint(w, rule)
			isHeader = false
		}
	}
	if rows > 0 {
		fmt.Fprint(w, rule)
	}
	return nil
}

// printForPeople goes through the rows twice, so that it need not keep them.
func (l listing) printForPeople(t terminal) error {
	lines, isEmpty := newTable(l.people.headings), true
	for r, err := range l.all() {
		if err != nil {
			return err
		}
		isEmpty = false
		lines.measure(l.people.cells(r))
	}
	if isEmpty {
		_, err := fmt.Fprintln(t.out, l.people.empty)
		return err
	}
	width, _ := t.size()
	lines.fit(width)
	out, colours := bufio.NewWriter(t.out), hasColours(t.out)
	if err := lines.printHead(out, colours); err != nil {
		return err
	}
	for r, err := range l.all() {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if err := lines.printRow(out, l.people.cells(r), colours); err != nil {
			return err
		}
	}
	return out.Flush()
}

// printItemForPeople prints the first row, a line for each heading whose cell has a text.
func (l listing) printItemForPeople(t terminal) error {
	width := 0
	for _, h := range l.people.headings {
		width = max(width, columns(h.title))
	}
	for i, c := range l.people.cells(l.rows[0]) {
		if c.text == "" {
			continue
		}
		title := pad(l.people.headings[i].title, width)
		if _, err := fmt.Fprintln(t.out, t.paint(bold, title)+columnGap+t.paint(c.style, c.text)); err != nil {
			return err
		}
	}
	return nil
}

// defused returns a cell of CSV that no spreadsheet takes for a formula: it puts an
// apostrophe before one that looks like a formula, as wp-cli does. Strangers choose names
// and logins, and a formula can send the contents of the sheet elsewhere.
func defused(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace))
	if strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}

// printCSV prints no raw controls: a tab or a CR at the beginning is \u0009 or \u000d.
func (l listing) printCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(l.columns) // Error has it
	for r, err := range l.all() {
		if err != nil {
			c.Flush()
			return err
		}
		line := make([]string, len(l.columns))
		for i, column := range l.columns {
			line[i] = r.shown(column)
			if _, isNumber := r[column].(int64); !isNumber {
				line[i] = defused(line[i])
			}
		}
		_ = c.Write(line)
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func (l listing) printJSON(w io.Writer) error {
	out, before := bufio.NewWriter(w), "["
	for r, err := range l.all() {
		var text []byte
		if err == nil {
			text, err = l.jsonText(r)
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		fmt.Fprint(out, before)
		fmt.Fprintf(out, "%s", text)
		before = ","
	}
	if before == "[" {
		fmt.Fprint(out, before)
	}
	fmt.Fprint(out, "]\n")
	return out.Flush()
}

// jsonText is a row without blanks between its members.
func (l listing) jsonText(r row) ([]byte, error) {
	item, err := l.json(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(item)
}

// json keeps the order of the columns, which a map would lose.
func (l listing) json(r row) (json.RawMessage, error) {
	var members []string
	for _, c := range l.columns {
		value, err := json.Marshal(r[c])
		if err != nil {
			return nil, fmt.Errorf("write JSON: %w", err)
		}
		members = append(members, fmt.Sprintf("%q:%s", c, visible.Escape(string(value))))
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}"), nil
}

func (l listing) printYAML(w io.Writer) error {
	if _, err := io.WriteString(w, "---\n"); err != nil {
		return err
	}
	for r, err := range l.all() {
		if err != nil {
			return err
		}
		item, err := l.yaml(r)
		if err != nil {
			return err
		}
		if err := printYAMLValue(w, []*yaml.Node{item}); err != nil {
			return err
		}
	}
	return nil
}

// yaml keeps the order of the columns, which a map would lose.
func (l listing) yaml(r row) (*yaml.Node, error) {
	item := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range l.columns {
		var value yaml.Node
		if err := value.Encode(r[c]); err != nil {
			return nil, fmt.Errorf("write YAML: %w", err)
		}
		item.Content = append(item.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: c}, &value)
	}
	return item, nil
}

func printYAMLValue(w io.Writer, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = w.Write(text)
	return err
}
