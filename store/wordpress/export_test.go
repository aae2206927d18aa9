package wordpress

import (
	"time"

	"github.com/sparekey-dev/sparekey"
)

// State is a row for tests of judge: its records by UUID.
type State map[string]string

// Judge says what became of Sparekey's writes, after the watcher saw these states one after the
// other and then did not look for a time. ours are UUIDs.
func Judge(states []State, ours []string, now State, blind time.Duration) (putBack, accepted, doubtful []string) {
	w := &watch{ours: map[string]ourWrite{}, seen: time.Unix(1, 0), last: states[0].snapshot()}
	for _, s := range states[1:] {
		w.step(s.snapshot())
	}
	for i, uuid := range ours {
		w.ours[uuid] = ourWrite{uuid: uuid, order: i, record: states[len(states)-1][uuid]}
	}
	v := w.judge(now.snapshot(), w.seen.Add(blind))
	for _, o := range v.putBack {
		putBack = append(putBack, o.uuid)
	}
	return putBack, v.accepted, v.doubtful
}

func (s State) snapshot() snapshot {
	marks := snapshot{}
	for uuid, record := range s {
		marks[uuid] = markOf(record)
	}
	return marks
}

// Append returns a row with a credential appended, and the row as it is written if
// nothing is changed.
func Append(raw string, c sparekey.Credential) (appended, again string, err error) {
	elements, err := parseRow("7", raw)
	if err != nil {
		return "", "", err
	}
	again = formatRow(elements)
	key, err := nextKey(elements)
	if err != nil {
		return "", "", err
	}
	return formatRow(append(elements, newElement(key, "7", newRecord(c)))), again, nil
}
