package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// listing is rows of named values, to be printed as wp-cli prints them.
type listing struct {
	columns []string // in their order
	more    []string // columns that are printed only where they are asked for
	rows    []row
	id      string // the column that --format=ids prints
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

// shown is text that does nothing to a terminal. Names are others' choice, and
// may have escape sequences that hide a line from whoever looks for it.
func (r row) shown(column string) string { return escapeControls(r.text(column)) }

// escapeControls writes what cannot be seen as \uXXXX.
func escapeControls(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsPrint(c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

// outputFlags choose what of a listing is printed, and how.
type outputFlags struct {
	Field  string   `help:"Print the value of this one field." placeholder:"NAME"`
	Fields []string `help:"Print these fields only." placeholder:"NAME,…"`
}

// listFlags are outputFlags with the formats of a list.
type listFlags struct {
	outputFlags
	Format string `help:"One of ${enum}." enum:"table,csv,json,count,yaml,ids" default:"table"`
}

// itemFlags are outputFlags with the formats of a single row.
type itemFlags struct {
	outputFlags
	Format string `help:"One of ${enum}." enum:"table,csv,json,yaml" default:"table"`
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

// print prints a list.
func (f listFlags) print(t terminal, l listing) error {
	l, err := f.choose(l)
	if err != nil {
		return err
	}
	switch {
	case f.Format == "count":
		_, err := fmt.Fprint(t.out, len(l.rows))
		return err
	case f.Format == "ids":
		return l.printIDs(t.out)
	case f.Field != "" && f.Format == "table":
		return l.printValues(t.out)
	}
	return l.print(t, f.Format)
}

// print prints a single row: as a table, a line for each field.
func (f itemFlags) print(t terminal, l listing) error {
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
	if f.Format == "table" {
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

func (l listing) printIDs(w io.Writer) error {
	ids := make([]string, len(l.rows))
	for i, r := range l.rows {
		ids[i] = r.text(l.id)
	}
	_, err := fmt.Fprint(w, strings.Join(ids, " "))
	return err
}

func (l listing) printValues(w io.Writer) error {
	for _, r := range l.rows {
		if _, err := fmt.Fprintln(w, r.shown(l.columns[0])); err != nil {
			return err
		}
	}
	return nil
}

// lines returns the header and the rows as text.
func (l listing) lines() [][]string {
	lines := [][]string{l.columns}
	for _, r := range l.rows {
		line := make([]string, len(l.columns))
		for i, c := range l.columns {
			line[i] = r.shown(c)
		}
		lines = append(lines, line)
	}
	return lines
}

// printTable prints a box for people, and fields between tabs for programs.
func (l listing) printTable(t terminal) error {
	var b strings.Builder
	if t.isInteractive() {
		box(&b, l.lines())
	} else {
		for _, line := range l.lines() {
			b.WriteString(strings.Join(line, "\t") + "\n")
		}
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

func box(b *strings.Builder, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := "+"
	for _, w := range widths {
		rule += strings.Repeat("-", w+2) + "+"
	}
	b.WriteString(rule + "\n")
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n == 0 {
			b.WriteString(rule + "\n")
		}
	}
	if len(lines) > 1 {
		b.WriteString(rule + "\n")
	}
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
	lines := l.lines()
	for i, line := range lines[1:] {
		for column, cell := range line {
			if _, isNumber := l.rows[i][l.columns[column]].(int64); !isNumber {
				line[column] = defused(cell)
			}
		}
	}
	if err := c.WriteAll(lines); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func (l listing) printJSON(w io.Writer) error {
	items := make([]json.RawMessage, len(l.rows))
	for i, r := range l.rows {
		item, err := l.json(r)
		if err != nil {
			return err
		}
		items[i] = item
	}
	return json.NewEncoder(w).Encode(items)
}

// json keeps the order of the columns, which a map would lose.
func (l listing) json(r row) (json.RawMessage, error) {
	var members []string
	for _, c := range l.columns {
		value, err := json.Marshal(r[c])
		if err != nil {
			return nil, fmt.Errorf("write JSON: %w", err)
		}
		members = append(members, fmt.Sprintf("%q:%s", c, escapeControls(string(value))))
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}"), nil
}

func (l listing) printYAML(w io.Writer) error {
	if _, err := io.WriteString(w, "---\n"); err != nil {
		return err
	}
	for _, r := range l.rows {
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
