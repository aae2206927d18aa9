package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

var errNoSettings = errors.New("it must have settings, one a line, such as \"listen: 127.0.0.1:8080\"")

// decodeConfig reads the one document of a configuration file: the nodes of its
// settings, by name.
func decodeConfig(data []byte) (map[string]*yaml.Node, error) {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, explainYAML(data, err)
	}
	settings := map[string]*yaml.Node{}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if len(document.Content) > 0 && document.Content[0].Tag != "!!null" {
		root = document.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil, errNoSettings
	}
	var problems []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		name := root.Content[i]
		if name.Kind != yaml.ScalarNode {
			return nil, errNoSettings
		}
		if before, ok := settings[name.Value]; ok {
			problems = append(problems, fmt.Errorf("line %d: the setting %s is there a second time, after line %d", name.Line, settingName(name.Value, root.Content[i+1]), before.Line))
		}
		settings[name.Value] = root.Content[i+1]
	}
	if err := decoder.Decode(&document); !errors.Is(err, io.EOF) {
		return nil, errors.New("it must be one YAML document")
	}
	return settings, errors.Join(problems...)
}

// settingName is the name of a setting as it is printed: an address with a password
// can stand where a name should.
func settingName(name string, value *yaml.Node) string {
	const most = 64
	if looksLikeURL(name) || len(name) > most {
		return fmt.Sprintf("that is not shown, with its value on line %d", value.Line)
	}
	return strconv.Quote(name)
}

// bareColon is a setting whose value has a colon that YAML takes for one of its own.
var bareColon = regexp.MustCompile(`^\s*([a-z-]+):\s+[^"'{\[#|>\s].*:(\s|$)`)

// explainYAML says where a file is not YAML, and what to do about the most common mistake. It
// shows no value, since some are passwords.
func explainYAML(data []byte, err error) error {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if m := bareColon.FindSubmatch(bytes.TrimRight(line, "\r\n")); m != nil {
			return fmt.Errorf("line %d: put the value of %s in quotes, as in %s: \"…\", since it has a colon before a space or at its end", n, m[1], m[1])
		}
	}
	return fmt.Errorf("it is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
}

// settingValue is the value of a flag in a configuration file as the command line
// would have it: numbers and dates are the text that they are written with. Only
// the names for scopes are a map.
func settingValue(flag *kong.Flag, node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if flag.Target.Type() == reflect.TypeFor[Bundles]() {
		var value any
		err := node.Decode(&value)
		return value, err
	}
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil, fmt.Errorf("--%s has no value on line %d: write one after the colon, or take the line out", flag.Name, node.Line)
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	case node.Kind == yaml.SequenceNode && flag.IsSlice():
		return listValue(flag, node)
	case node.Kind == yaml.SequenceNode:
		return nil, fmt.Errorf("--%s takes one value, and line %d has a list", flag.Name, node.Line)
	}
	return nil, fmt.Errorf("--%s takes text, and line %d has a map", flag.Name, node.Line)
}

// listValue is a list as the command line would have it.
func listValue(flag *kong.Flag, list *yaml.Node) (any, error) {
	var texts []string
	for _, item := range list.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, fmt.Errorf("--%s takes a list of texts, and on line %d is something else", flag.Name, item.Line)
		}
		texts = append(texts, item.Value)
	}
	return kong.JoinEscaped(texts, flag.Tag.Sep), nil
}
