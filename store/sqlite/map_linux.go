package sqlite

import (
	"os"
	"syscall"
)

// canMap says that Version works here. Elsewhere it is untried.
const canMap = true

// mapHeader maps the beginning of an index, which SQLite has made longer than a
// page before any connection can read.
func mapHeader(file *os.File) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), 0, headerSize, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmap(memory []byte) error { return syscall.Munmap(memory) }
