//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flooders  = 8 // connections that bring it
	floodRate = 2000
	phase     = 2 * time.Second
)

// ownAddress is where the good client is.
const ownAddress = "203.0.113.9"

// flood prints what a client with a right credential waits for its answers while
// wrong ones come from a number of addresses, and while they do not, and what memory is
// held afterwards. A single address is that of the good client.
func flood(server *url.URL, authorization string, addresses int64, phases int) error {
	before := heap()
	var quiet, flooded []time.Duration
	f := flooding{addresses: addresses}
	for range phases {
		waits, err := good(server, authorization)
		if err != nil {
			return err
		}
		quiet = append(quiet, waits...)
		stop := f.start(server)
		waits, err = good(server, authorization)
		stop()
		if err != nil {
			return err
		}
		flooded = append(flooded, waits...)
	}
	if n := f.failed.Load(); n > 0 {
		return fmt.Errorf("%d requests of the flood had no answer", n)
	}
	a, b := median(quiet), median(flooded)
	fmt.Printf("a good client waits %v (median of %d), while %.0f wrong credentials a second come from %d addresses %v (median of %d): ratio %.2f\n",
		a, len(quiet), float64(f.refused.Load()+f.throttled.Load())/(float64(phases)*phase.Seconds()), addresses, b, len(flooded), float64(b)/float64(a))
	fmt.Printf("of the flood %d were 401 and %d were 429; memory held afterwards: %.1f MB more\n",
		f.refused.Load(), f.throttled.Load(), float64(heap()-before)/1e6)
	return nil
}

// good sends right requests one after the other, with a little time between them,
// and returns how long each answer took.
func good(server *url.URL, authorization string) (waits []time.Duration, err error) {
	conn, err := net.Dial("tcp", server.Host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for begin := time.Now(); time.Since(begin) < phase; time.Sleep(3 * time.Millisecond) {
		sent := time.Now()
		status, err := exchange(conn, r, authorization, ownAddress)
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("a right credential: status %d, %w", status, err)
		}
		waits = append(waits, time.Since(sent))
	}
	return waits, nil
}

// exchange sends a request of a client at an address, and returns the status.
func exchange(conn net.Conn, r *bufio.Reader, authorization, address string) (status int, err error) {
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: example.org\r\nAuthorization: %s\r\nX-Forwarded-For: %s\r\nX-Forwarded-Proto: https\r\n\r\n", target, authorization, address)
	if err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// flooding counts what became of a flood.
type flooding struct {
	addresses                        int64 // that it comes from
	sent, refused, throttled, failed atomic.Int64
}

// start begins to send wrong credentials, until stop is called.
func (f *flooding) start(server *url.URL) (stop func()) {
	done := make(chan bool)
	var wait sync.WaitGroup
	for range flooders {
		wait.Go(func() {
			conn, err := net.Dial("tcp", server.Host)
			if err != nil {
				f.failed.Add(1)
				return
			}
			defer conn.Close()
			f.send(conn, done)
		})
	}
	return func() { close(done); wait.Wait() }
}

// send sends its part of the flood, each time from the next address and with
// another secret, to accounts that exist and to others.
func (f *flooding) send(conn net.Conn, done chan bool) {
	r := bufio.NewReader(conn)
	tick := time.NewTicker(time.Second * flooders / floodRate)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		n := f.sent.Add(1)
		login := "ann"
		if n%2 == 0 {
			login = fmt.Sprintf("user%d", n)
		}
		address := ownAddress
		if f.addresses > 1 {
			address = fmt.Sprintf("198.18.%d.%d", n%f.addresses/250, n%f.addresses%250)
		}
		switch status, err := exchange(conn, r, basic(login, fmt.Sprint("wrong", n)), address); {
		case err == nil && status == http.StatusUnauthorized:
			f.refused.Add(1)
		case err == nil && status == http.StatusTooManyRequests:
			f.throttled.Add(1)
		default:
			f.failed.Add(1)
			return
		}
	}
}

// heap is how many bytes are in use once the garbage is collected.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
