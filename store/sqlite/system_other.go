//go:build !linux

package sqlite

import (
	"errors"
	"os"
)

const canMap = false

func mapHeader(*os.File) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) {}

// mayWrite leaves it to SQLite to find out.
func mayWrite(string) error { return nil }

func lock(*os.File) error { return errors.ErrUnsupported }

func unlock(*os.File) error { return errors.ErrUnsupported }
