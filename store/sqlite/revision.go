package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// RevisionOf implements [sparekey.Revisioned].
func (s *Store) RevisionOf() any { return s }

// Revision implements [sparekey.Revisioned]: it differs after every change of
// users and credentials by any process. ok is false once the Store is closed, and on
// other systems than Linux.
func (s *Store) Revision() (revision uint64, ok bool) { return s.index.version() }

// beginLog makes Revision work from the beginning: after the database was closed and opened
// again, the log stays empty until the first commit. beginLog commits a write that changes
// nothing. If that fails, the first change will do.
func (s *Store) beginLog(ctx context.Context) {
	if _, ok := s.Revision(); ok || !canMap {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = s.write(ctx, func(tx *sql.Tx) error { return rewriteVersion(ctx, tx) })
}

// The index of the write-ahead log is the "-shm" file beside the database, which all processes
// map into their memory. It begins with two copies of a header
// (https://www.sqlite.org/walformat.html, section 2.1) that says, among other things, how long
// the log is and what the checksum of its last frame is. SQLite writes both copies anew in each
// commit, after the log and before it reports success. So a reader that finds the same bytes
// again knows that nothing was committed in between, and a half-written copy only counts as one
// more change. The first copy is enough: SQLite writes it last.
//
// The commit may not matter here, such as that of an audit entry. So after each commit the
// database is asked for its generation (migration 7).
const (
	headerSize    = 48
	headerVersion = 3007000 // the first 4 bytes, in the machine's byte order
	headerChanges = 8       // where it counts commits: none since an empty log was made out anew, which always looks the same
)

// walIndex watches the index of the write-ahead log through the memory that it is
// mapped to, as SQLite does.
//
// The file is the same one for as long as the Store is open, because its pinned
// connection keeps SQLite in any process from removing it, making it anew or
// cutting it short.
//
// Who reads it takes no lock, which would make all requests wait for one another's
// processor: nearly all of them only see that nothing changed.
type walIndex struct {
	file atomic.Pointer[indexFile] // nil: cannot be told

	mu   sync.Mutex // held while last is replaced
	conn *sql.Conn  // the pinned one, to ask for the generation
	last atomic.Pointer[observation]
}

// observation is a header, and what the generation was then or later.
type observation struct {
	header     [headerSize]byte
	generation uint64
}

// generationTime is for how long the generation is waited for: all who want to know
// the version wait meanwhile.
const generationTime = time.Second

// openWALIndex watches the index of the database that a connection reads.
func openWALIndex(ctx context.Context, conn *sql.Conn) (*walIndex, error) {
	x := &walIndex{conn: conn}
	x.last.Store(&observation{})
	if !canMap {
		return x, nil
	}
	var path string
	if err := conn.QueryRowContext(ctx, queryFile).Scan(&path); err != nil {
		return nil, fmt.Errorf("ask for the database's file: %w", err)
	}
	file, err := acquireIndexFile(path + "-shm")
	if err != nil {
		return nil, err
	}
	x.file.Store(file)
	return x, nil
}

// close must be called after all connections of the Store are closed.
func (x *walIndex) close() error {
	if file := x.file.Swap(nil); file != nil {
		return file.release()
	}
	return nil
}

// descriptor returns the file, or nil where it is not open.
func (x *walIndex) descriptor() *os.File {
	if file := x.file.Load(); file != nil {
		return file.File
	}
	return nil
}

func (x *walIndex) version() (generation uint64, ok bool) {
	header, ok := x.read()
	if !ok {
		return 0, false
	}
	if last := x.last.Load(); last.header == header {
		return last.generation, true
	}
	return x.observe()
}

// observe asks for the generation where the header differs from the last. It reads the
// header again, because what led here may be older than what is the last by now. The
// answer is from no earlier than that, so nothing that was committed is missed.
func (x *walIndex) observe() (generation uint64, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	header, ok := x.read()
	if !ok {
		return 0, false
	}
	if last := x.last.Load(); last.header == header {
		return last.generation, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), generationTime) //nolint:forbidigo // Revision has no caller's context
	defer cancel()
	var number, schema int64
	if err := x.conn.QueryRowContext(ctx, queryGeneration).Scan(&number, &schema); err != nil {
		return 0, false
	}
	generation = uint64(number + schema) //nolint:gosec // the one is random, so any sum will do
	x.last.Store(&observation{header, generation})
	return generation, true
}

func (x *walIndex) read() (header [headerSize]byte, ok bool) {
	file := x.file.Load()
	if file == nil {
		return header, false
	}
	copy(header[:], file.memory)
	runtime.KeepAlive(file)
	return header, binary.NativeEndian.Uint32(header[:]) == headerVersion && binary.NativeEndian.Uint32(header[headerChanges:]) > 0
}

// POSIX makes two things the whole process's that SQLite relies on: its locks on a file belong
// to the process, and closing any descriptor of that file drops them all. Without them, other
// processes would take an index in use for a left-over. Hence this package closes a descriptor
// of a file that SQLite may have open only when no Store of it is left, of however many.
//
//nolint:gochecknoglobals // see above
var (
	process    sync.Mutex
	indexFiles []*indexFile // those that are open
)

// indexFile is the one descriptor that this process has of an index, beside
// SQLite's own, and the memory its header is mapped to, for as long as anybody can
// still read that: the last Store may be closed meanwhile.
type indexFile struct {
	*os.File
	memory []byte
	info   os.FileInfo
	users  int // how many Stores read it
}

func acquireIndexFile(path string) (*indexFile, error) {
	process.Lock()
	defer process.Unlock()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	for _, f := range indexFiles {
		if os.SameFile(f.info, info) {
			f.users++
			return f, nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &indexFile{File: file, info: info, users: 1}
	indexFiles = append(indexFiles, f) // also if it cannot be mapped: closing it is what must not happen
	if f.memory, err = mapHeader(file); err != nil {
		return nil, fmt.Errorf("map the index of the write-ahead log: %w", err)
	}
	runtime.AddCleanup(f, unmap, f.memory)
	return f, nil
}

func (f *indexFile) release() error {
	process.Lock()
	defer process.Unlock()
	f.users--
	if f.users > 0 {
		return nil
	}
	indexFiles = slices.DeleteFunc(indexFiles, func(other *indexFile) bool { return other == f })
	return f.Close()
}
