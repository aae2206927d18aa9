package rest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
)

// The values of the parameter context.
const (
	contextView  = "view"
	contextEmbed = "embed"
	contextEdit  = "edit"
)

// field is a member of items of type T. Items and their schema are made from it.
type field[T any] struct {
	name     string
	schema   object
	contexts []string
	value    func(T) any
}

// render makes the item that is shown of v in a context.
func render[T any](fields []field[T], v T, context string) object {
	item := object{}
	for _, f := range fields {
		if slices.Contains(f.contexts, context) {
			item = append(item, member{f.name, f.value(v)})
		}
	}
	return item
}

// describeItem is the JSON schema (draft 4) of items with these fields.
func describeItem[T any](title string, fields []field[T]) object {
	properties := object{}
	for _, f := range fields {
		properties = append(properties, member{f.name, slices.Concat(f.schema, object{{"context", f.contexts}})})
	}
	return object{
		{"$schema", "http://json-schema.org/draft-04/schema#"},
		{"title", title}, {"type", "object"}, {"properties", properties},
	}
}

// arg is a parameter that an endpoint takes.
type arg struct {
	name     string
	required bool
	schema   object // as OPTIONS shows it
	initial  any    // the value where it is not given, or nil
	// accept returns the value to use, or says what is wrong with the one given.
	accept func(given any) (any, *argError)
	null   nullMeaning

	unlisted bool // OPTIONS and the index say nothing of it
}

// nullMeaning is what WordPress makes of null for a parameter.
type nullMeaning int

const (
	nullIsNothing nullMeaning = iota // what is sent elsewhere counts, or the initial value
	nullIsGiven                      // null is a value like others
	nullEmpties                      // what is sent elsewhere is checked, and then it is ""
)

// describeArgs documents args in the answer to OPTIONS.
func describeArgs(args []arg) object {
	all := object{}
	for _, a := range args {
		if a.unlisted {
			continue
		}
		all = append(all, member{a.name, append(slices.Clone(a.schema), member{"required", a.required})})
	}
	return all
}

// argError is a problem with a parameter.
type argError struct {
	param   string
	code    argErrorCode
	message string
}

// argErrorCode is WordPress's code for a problem with a parameter.
type argErrorCode string

const (
	argErrType      argErrorCode = "rest_invalid_type"
	argErrTooShort  argErrorCode = "rest_too_short"
	argErrPattern   argErrorCode = "rest_invalid_pattern"
	argErrNoSchema  argErrorCode = "rest_no_matching_schema"
	argErrNotInEnum argErrorCode = "rest_not_in_enum"
	argErrRange     argErrorCode = "rest_out_of_bounds"
	argErrDate      argErrorCode = "rest_invalid_date"
	argErrEmail     argErrorCode = "rest_invalid_email"
	argErrPassword  argErrorCode = "rest_user_invalid_password"
	argErrNotKept   argErrorCode = "rest_not_kept" // ours
)

// readArgs reads the parameters of the call's endpoint. Its error has all problems: either all
// missing parameters or, if none is missing, all wrong ones.
func (c *call) readArgs() error {
	c.args = map[string]any{}
	var missing []any
	var errs []argError
	for _, a := range c.endpoint.args {
		value, found, wrong := c.readArg(a)
		c.args[a.name] = value
		if !found && a.required {
			missing = append(missing, a.name)
		}
		if wrong != nil {
			wrong.param = a.name
			errs = append(errs, *wrong)
		}
	}
	switch {
	case missing != nil:
		return &apiError{code: codeMissingParam, data: object{{"params", missing}}}
	case errs != nil:
		return invalidParams(errs)
	}
	return nil
}

func (c *call) readArg(a arg) (value any, found bool, wrong *argError) {
	given, found, hidden := c.lookup(a.name)
	if hidden && a.null == nullIsGiven {
		given = nil
	}
	if !found || given == nil && a.null != nullIsGiven {
		return a.initial, false, nil
	}
	value, wrong = a.accept(given)
	if hidden && a.null == nullEmpties {
		value = ""
	}
	return value, true, wrong
}

func invalidParams(errs []argError) *apiError {
	messages, details := object{}, object{}
	for _, f := range errs {
		var data any
		if f.code == argErrType {
			data = object{{"param", f.param}}
		}
		messages = append(messages, member{f.param, f.message})
		details = append(details, member{f.param, object{
			{"code", string(f.code)}, {"message", f.message}, {"data", data},
		}})
	}
	return &apiError{code: codeInvalidParam, data: object{{"params", messages}, {"details", details}}}
}

// aString accepts strings for which check returns nil.
func aString(check func(s string) *argError) func(any) (any, *argError) {
	return func(given any) (any, *argError) {
		s, ok := given.(string)
		if !ok {
			return nil, &argError{code: argErrType, message: "Must be a string."}
		}
		return s, check(s)
	}
}

func contextArg() arg {
	contexts := []string{contextView, contextEmbed, contextEdit}
	return arg{
		name: "context",
		schema: object{
			{"description", "How much of each item to show."},
			{"type", "string"}, {"enum", contexts}, {"default", contextView},
		},
		initial: contextView,
		accept: aString(func(s string) *argError {
			if !slices.Contains(contexts, s) {
				return &argError{code: argErrNotInEnum, message: "Must be one of " + strings.Join(contexts, ", ") + "."}
			}
			return nil
		}),
	}
}

// anyArg is listed for clients as in WordPress, but takes any value and changes nothing.
func anyArg(name, initial string) arg {
	return arg{
		name: name, schema: object{{"default", initial}}, initial: initial,
		accept: func(given any) (any, *argError) { return given, nil },
	}
}

// nameSchema requires a name with a character other than white space.
func nameSchema() object {
	return object{
		{"description", "The name of the application, for people."},
		{"type", "string"}, {"minLength", 1}, {"pattern", `.*\S.*`},
	}
}

func nameArg(required bool) arg {
	return arg{
		name: "name", required: required, schema: nameSchema(), null: nullEmpties,
		accept: aString(func(s string) *argError {
			switch {
			case s == "":
				return &argError{code: argErrTooShort, message: "Must not be empty."}
			case !utf8.ValidString(s):
				return &argError{code: argErrPattern, message: "Must be text in UTF-8."}
			case strings.TrimFunc(s, unicode.IsSpace) == "":
				return &argError{code: argErrPattern, message: "Must not be blank."}
			}
			return nil
		}),
	}
}

func appIDSchema() object {
	return object{
		{"description", "A UUID by which the application knows itself."},
		{"type", "string"},
		{"oneOf", []any{
			object{{"type", "string"}, {"format", "uuid"}},
			object{{"type", "string"}, {"enum", []string{""}}},
		}},
	}
}

// appIDArg accepts one line break after the UUID, as WordPress does.
func appIDArg() arg {
	return arg{
		name: "app_id", schema: appIDSchema(), null: nullIsGiven,
		accept: func(given any) (any, *argError) {
			s, ok := given.(string)
			id := strings.TrimSuffix(s, "\n")
			if !ok || !sparekey.ValidAppID(id) || id == "" && s != "" {
				return nil, &argError{code: argErrNoSchema, message: "Must be a UUID in lower case, or empty."}
			}
			return id, nil
		},
	}
}

// integerArg is a whole number within bounds; with most 0 it has no upper bound.
func integerArg(name, description string, initial any, least, most int) arg {
	schema := object{{"description", description}, {"type", "integer"}, {"minimum", least}}
	if initial != nil {
		schema = append(schema, member{"default", initial})
	}
	message := "Must be " + strconv.Itoa(least) + " or more."
	if most > 0 {
		schema = append(schema, member{"maximum", most})
		message = "Must be from " + strconv.Itoa(least) + " to " + strconv.Itoa(most) + "."
	}
	return arg{
		name: name, schema: schema, initial: initial,
		accept: func(given any) (any, *argError) {
			n, ok := integer(given)
			switch {
			case !ok:
				return nil, &argError{code: argErrType, message: "Must be a whole number."}
			case n < least || most > 0 && n > most:
				return nil, &argError{code: argErrRange, message: message}
			}
			return n, nil
		},
	}
}

// maxInteger keeps products of two parameters from overflowing.
const maxInteger = 1 << 31

func integer(v any) (int, bool) {
	text, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, ok = n.String(), true
	}
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && -maxInteger < n && n < maxInteger
}

func (c *call) number(name string) int {
	n, _ := c.args[name].(int)
	return n
}

// wordsArg is a list of words, also as one text with commas or spaces between.
func wordsArg(name, description string) arg {
	return arg{
		name: name,
		schema: object{
			{"description", description}, {"type", "array"}, {"items", object{{"type", "string"}}},
		},
		accept: func(given any) (any, *argError) {
			list, ok := readWords(given)
			if !ok {
				return nil, &argError{code: argErrType, message: "Must be a list of strings."}
			}
			return list, nil
		},
	}
}

func readWords(given any) (list []string, ok bool) {
	switch given := given.(type) {
	case string:
		return strings.FieldsFunc(given, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }), true
	case []any:
		for _, element := range given {
			word, ok := element.(string)
			if !ok {
				return nil, false
			}
			if word != "" {
				list = append(list, strings.TrimSpace(word))
			}
		}
		return list, true
	}
	return nil, false
}
