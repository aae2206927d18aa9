package sqlite

import "context"

// turn is a queue for the writers of all processes. SQLite polls its own lock, so one process
// that writes without a pause would keep all others out; a revocation from the command line
// must not wait for that. The queue decides nothing else: a writer at its head still needs
// SQLite's lock, and one that times out in the queue writes without it.
//
// The lock is on the index of the write-ahead log, which is open anyway.
type turn struct {
	index  *walIndex
	own    chan struct{} // a place for the one goroutine of this Store that queues
	closed chan struct{}
}

func newTurn(index *walIndex) *turn {
	return &turn{index: index, own: make(chan struct{}, 1), closed: make(chan struct{})}
}

// close waits for the writer that queues, so that the file can be closed. After that, take no
// longer queues.
func (t *turn) close() {
	close(t.closed)
	t.own <- struct{}{}
}

// take waits for the turn until the context ends, or patience does. done gives it
// back.
func (t *turn) take(ctx context.Context) (done func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case t.own <- struct{}{}:
	case <-t.closed:
		return func() {}
	case <-ctx.Done():
		return func() {}
	}
	file := t.index.descriptor()
	if file == nil {
		return func() { <-t.own }
	}
	giveBack := func() {
		_ = unlock(file)
		<-t.own
	}
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		_ = lock(file) // without it, the writer skips the queue, which SQLite's own lock makes safe
	}()
	select {
	case <-taken:
		return giveBack
	case <-ctx.Done():
		go func() { <-taken; giveBack() }()
		return func() {}
	}
}
