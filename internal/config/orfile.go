package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// maxSecretFile bounds what is read of a file that a setting names, in bytes.
const maxSecretFile = 64 << 10

// OrFile reads a setting that may have a password in it: "@" and the path of a file stand
// for the first line of that file, so that the password is on no command line, which
// every account of the machine can see. It is kong's mapper for type:"orfile".
func OrFile(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return err
	}
	if path, isFile := strings.CutPrefix(text, "@"); isFile {
		if path == "" {
			return errors.New(`the name of a file must follow the "@"`)
		}
		var err error
		if text, err = FirstLine(path); err != nil {
			return err
		}
	}
	target.SetString(text)
	return nil
}

// FirstLine returns the first line of a file, which must have something in it.
func FirstLine(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be read: %w", path, Reason(err))
	}
	if info.Size() > maxSecretFile {
		return "", fmt.Errorf("the file %s has more than %d bytes: it must have the value in its first line", path, maxSecretFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be read: %w", path, Reason(err))
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("the file %s has nothing in its first line", path)
	}
	return line, nil
}
