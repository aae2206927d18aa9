//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	rounds      = 30   // each with a turn for both
	duration    = "1s" // wrk knows whole seconds only
	connections = "16"
)

// turn is what one run of wrk comes to.
type turn struct {
	perSecond float64
	processor float64 // microseconds of this process for a request
}

// compare prints the requests per second through both proxies, the processor's time
// for each, and the ratios of turns that followed one another.
func compare(ctx context.Context, name string, bare, guarded *url.URL, authorization string) error {
	var without, with, ratios, withoutTime, withTime []float64
	for round := range rounds + 1 {
		first, second := bare, guarded
		if round%2 == 1 { // who is first may find the machine in another state
			first, second = second, first
		}
		a, err := wrk(ctx, first, authorization)
		if err != nil {
			return err
		}
		b, err := wrk(ctx, second, authorization)
		if err != nil {
			return err
		}
		if round%2 == 1 {
			a, b = b, a
		}
		if round > 0 { // the first warms up
			without, with, ratios = append(without, a.perSecond), append(with, b.perSecond), append(ratios, b.perSecond/a.perSecond)
			withoutTime, withTime = append(withoutTime, a.processor), append(withTime, b.processor)
		}
	}
	fmt.Printf("%s %.0f/s, gateway with 20 rules %.0f/s, ratio median %.3f (quartiles %.3f and %.3f)\n",
		name, median(without), median(with), median(ratios), quartile(ratios, 1), quartile(ratios, 3))
	fmt.Printf("processor time for a request, with the application's: %.1f µs, gateway %.1f µs, ratio %.3f\n",
		median(withoutTime), median(withTime), median(withoutTime)/median(withTime))
	return nil
}

func quartile(x []float64, n int) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[n*(len(x)-1)/4]
}

var (
	rate  = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	total = regexp.MustCompile(`(\d+) requests in`)
	notOK = regexp.MustCompile(`Non-2xx[^\n]*|Socket errors[^\n]*`)
)

// wrk sends requests for the time of a turn.
func wrk(ctx context.Context, server *url.URL, authorization string) (turn, error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return turn{}, errors.New("wrk is needed: apt-get install wrk")
	}
	before := processorTime()
	out, err := exec.CommandContext(ctx, "wrk", "-t", "1", "-c", connections, "-d", duration,
		"-H", "Authorization: "+authorization, "-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Forwarded-Proto: https", server.String()+target).CombinedOutput()
	if err != nil {
		return turn{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	r, n := rate.FindSubmatch(out), total.FindSubmatch(out)
	if r == nil || n == nil || notOK.Match(out) {
		return turn{}, fmt.Errorf("wrk: %s", out)
	}
	perSecond, err := strconv.ParseFloat(string(r[1]), 64)
	if err != nil {
		return turn{}, err
	}
	requests, err := strconv.ParseFloat(string(n[1]), 64)
	return turn{perSecond, float64((processorTime() - before).Nanoseconds()) / 1000 / requests}, err
}

// processorTime is how long this process has kept processors busy.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it always can tell
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
