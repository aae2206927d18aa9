package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// pageSize is how many lines are read at a time.
const pageSize = 1000

// Verify checks a whole log, and that it contains the heads that were kept. key is the log's
// key, if it has one. Verify returns a [*BrokenError] for a broken log. An error that is
// neither that nor [ErrPruned] means that there was no answer.
func Verify(ctx context.Context, store Store, key Key, kept ...Head) (Report, error) {
	for {
		report, err := verify(ctx, store, Verifier{Key: key, Kept: kept})
		if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Seq == 0 {
			return report, err
		}
		// Lines that are removed as old while the log is read look like a gap.
		first, readErr := firstLine(ctx, store)
		if readErr != nil {
			return report, readErr
		}
		if first.Seq <= report.First {
			return report, err
		}
	}
}

func verify(ctx context.Context, store Store, v Verifier) (Report, error) {
	err := Each(ctx, store, Query{}, func(line Line) error {
		if err := v.Next(line.Text); err != nil {
			return err
		}
		if line.Seq != v.report.Head.Seq {
			return &BrokenError{v.report.Head.Seq, fmt.Sprintf("the store has it as number %d", line.Seq)}
		}
		return nil
	})
	if err != nil {
		return v.report, err
	}
	return v.End()
}

func firstLine(ctx context.Context, store Store) (Line, error) {
	lines, err := store.ReadAudit(ctx, Query{Limit: 1})
	if err != nil || len(lines) == 0 {
		return Line{}, err
	}
	return lines[0], nil
}

// VerifyExport verifies the lines of a whole log that was exported.
func VerifyExport(export io.Reader, key Key, kept ...Head) (Report, error) {
	v := Verifier{Key: key, Kept: kept}
	lines := bufio.NewScanner(export)
	lines.Buffer(nil, maxLine+1)
	for lines.Scan() {
		if err := v.Next(lines.Text()); err != nil {
			return v.report, err
		}
	}
	if err := lines.Err(); err != nil {
		return v.report, fmt.Errorf("read the export: %w", err)
	}
	return v.End()
}

// Each calls do for each line that q selects, in the order of their numbers. It
// holds only some of them at a time, so that a log may have any length; Newest
// has no effect.
func Each(ctx context.Context, store Store, q Query, do func(Line) error) error {
	q.Newest = false
	left := q.Limit
	for {
		q.Limit = pageSize
		if left > 0 {
			q.Limit = min(left, pageSize)
		}
		lines, err := store.ReadAudit(ctx, q)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		for _, line := range lines {
			if err := do(line); err != nil {
				return err
			}
			q.After = line.Seq
		}
		if len(lines) < q.Limit || left == len(lines) && left > 0 {
			return nil
		}
		left = max(0, left-len(lines))
	}
}
