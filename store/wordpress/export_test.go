package wordpress

import (
	"time"

	"github.com/sparekey-dev/sparekey"
)

// State is a row for tests of judge: its records by UUID.
type State map[string]string

// Judge says what became of Sparekey's writes, after the watcher saw these states one after the
// other and then did not look for a time. ours are UUIDs.
func Judge(states []State, ours []string, now State, gap time.Duration) (restore, accepted, ambiguous []string) {
	w := &watch{writes: map[string]ownWrite{}, seenAt: time.Unix(1, 0), last: states[0].rowState()}
	for _, s := range states[1:] {
		w.step(s.rowState())
	}
	for i, uuid := range ours {
		w.writes[uuid] = ownWrite{uuid: uuid, order: i, record: states[len(states)-1][uuid]}
	}
	v := w.judge(now.rowState(), w.seenAt.Add(gap))
	for _, o := range v.restore {
		restore = append(restore, o.uuid)
	}
	return restore, v.accepted, v.ambiguous
}

func (s State) rowState() rowState {
	state := rowState{}
	for uuid, record := range s {
		state[uuid] = digestOf(record)
	}
	return state
}

// Append returns a row with a credential appended, and the row as it is written if
// nothing is changed.
func Append(raw string, c sparekey.Credential) (appended, again string, err error) {
	entries, err := parseRow("7", raw)
	if err != nil {
		return "", "", err
	}
	again = formatRow(entries)
	key, err := nextKey(entries)
	if err != nil {
		return "", "", err
	}
	return formatRow(append(entries, newEntry(key, "7", newRecord(c)))), again, nil
}
