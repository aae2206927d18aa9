package config

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// NotifySettings name the program that warns of application passwords that expire soon.
type NotifySettings struct {
	NotifyCommand string `help:"A program to run for every application password that expires soon: 14 days, 7 days and one day before. It reads one JSON document on its standard input. Default: none." env:"SPAREKEY_NOTIFY_COMMAND" placeholder:"FILE" group:"Expiry warnings"`
}

// validate is part of Server.Validate.
func (s NotifySettings) validate() error {
	if s.NotifyCommand == "" {
		return nil
	}
	if _, err := s.NotifyProgram(); err != nil {
		return fmt.Errorf("--notify-command: %w", err)
	}
	return nil
}

// NotifyProgram is the absolute path of what is to be run, so that it is looked for
// nowhere else.
func (s NotifySettings) NotifyProgram() (string, error) {
	path, err := filepath.Abs(s.NotifyCommand)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s cannot be found: %w: name a program that is there", path, Reason(err))
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file: name a program", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
		return "", fmt.Errorf("everybody on this machine may change %s, and have the server run what they like: chmod o-w", path)
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("this account may not run %s (chmod +x?): %w", path, errors.Unwrap(err))
	}
	return path, nil
}
