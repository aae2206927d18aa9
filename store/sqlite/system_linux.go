package sqlite

import (
	"os"
	"syscall"
)

// canMap says that Revision works here. Elsewhere it is untried.
const canMap = true

// mapHeader maps the beginning of an index, which SQLite has made longer than a
// page before any connection can read.
func mapHeader(file *os.File) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), 0, headerSize, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmap(memory []byte) { _ = syscall.Munmap(memory) } // it fails only for what is not mapped

// mayWrite returns nil if this process may read and write the file. It finds out without
// opening it, which could cost SQLite its locks, and before SQLite does, which would leave
// files behind that no process can write.
func mayWrite(path string) error {
	const readWrite = 4 | 2
	return syscall.Access(path, readWrite)
}

// lock and unlock take and give back a lock on a file that is queued for, and
// that SQLite's own locks know nothing of.
func lock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }

func unlock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
