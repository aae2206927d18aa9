package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// File is the path of a configuration file, whose settings count where
// neither a flag nor the environment says otherwise.
type File string

// BeforeResolve is called by kong before it settles the flags.
func (File) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(File)) //nolint:forcetypeassert // it is this flag
	if path == "" {
		return nil
	}
	settings, problems := ReadFile(path, k.Model)
	if len(problems) > 0 {
		return errors.Join(InFile(path, problems)...)
	}
	ctx.AddResolver(settings)
	return nil
}

// Settings is a configuration file that was read: settings by the name of
// their flag. It resolves flags for kong.
type Settings map[string]any

// Validate is part of kong.Resolver; ReadFile has checked the settings.
func (Settings) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value of a flag, or nil.
func (c Settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := c[flag.Name]
	if !ok {
		return nil, nil //nolint:nilnil // kong's way to say "not here"
	}
	for _, name := range flag.Envs {
		if os.Getenv(name) != "" {
			return nil, nil //nolint:nilnil // the environment comes before the file
		}
	}
	return value, nil
}

// ReadFile reads the settings of a configuration file, except for those that the program does
// not know or cannot read, which are problems.
func ReadFile(path string, app *kong.Application) (Settings, []error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("the configuration cannot be read: %w", Reason(err))}
	}
	nodes, err := decodeConfig(data)
	if err != nil {
		return nil, []error{err}
	}
	known := Configurable(app)
	settings := Settings{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		flag, ok := known[name]
		if !ok {
			problems = append(problems, fmt.Errorf("unknown setting %s: %s",
				settingName(name, nodes[name]), otherSettings(name, slices.Sorted(maps.Keys(known)))))
			continue
		}
		value, err := settingValue(flag, nodes[name])
		if err == nil {
			err = checkValue(flag, value)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		settings[name] = value
	}
	return settings, problems
}

// Reason is why a file cannot be read, without its name.
func Reason(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Err
	}
	return err
}

// InFile are the problems of a file, one a line, with its name.
func InFile(path string, problems []error) (lines []error) {
	for _, p := range problems {
		for line := range strings.SplitSeq(p.Error(), "\n") {
			lines = append(lines, fmt.Errorf("%s: %s", path, line))
		}
	}
	return lines
}

// otherSettings suggests the settings that were probably meant, or lists all of them.
func otherSettings(name string, known []string) string {
	if found := Similar(name, known); len(found) > 0 {
		return DidYouMean(found)
	}
	return "there are " + strings.Join(known, ", ")
}

// checkValue reports what is wrong with the value of a flag on its own.
func checkValue(flag *kong.Flag, value any) error {
	err := parseValue(flag, value)
	if err != nil && looksLikeURL(fmt.Sprint(value)) { // its errors quote the value
		return fmt.Errorf("--%s: the value is not right, and not shown, since it may have a password in it: is it another setting's?", flag.Name)
	}
	return err
}

func parseValue(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), target); err != nil {
		return err
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), fmt.Sprint(value)) {
		return fmt.Errorf("--%s: must be one of %s, not %v", flag.Name, strings.Join(flag.EnumSlice(), ", "), value)
	}
	return nil
}

// Configurable returns the flags that a configuration file may set, by name: those that the
// environment may set as well, except for the file itself.
func Configurable(app *kong.Application) map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	collect := func(of []*kong.Flag) {
		for _, f := range of {
			if len(f.Envs) > 0 && f.Name != "config" {
				flags[f.Name] = f
			}
		}
	}
	collect(app.Flags)
	for _, child := range app.Children {
		collect(child.Flags)
	}
	return flags
}

// UnknownVariables names the variables of the environment that look like settings but are not.
// They may be another program's, so that is not an error.
func UnknownVariables(app *kong.Application, environment []string) (unknown []string) {
	known := map[string]bool{"SPAREKEY_CONFIG": true}
	for _, flag := range Configurable(app) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	}
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "SPAREKEY_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}
