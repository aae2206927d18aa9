package rest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDeviations holds testdata/deviations.json to the conversations: each deviation is in
// one of them, and has a reason.
func TestDeviations(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/deviations.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		About      string
		Deviations []struct {
			Conversation, WordPress, Reason string
			Requests                        []int
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil || len(all.Deviations) == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, d := range all.Deviations {
		conversation, err := os.ReadFile("testdata/" + d.Conversation + ".txtar")
		if err != nil || d.WordPress == "" || d.Reason == "" || len(d.Requests) == 0 {
			t.Errorf("%+v, %v", d, err)
		}
		for _, n := range d.Requests {
			if !strings.Contains(string(conversation), fmt.Sprintf("-- answer %d --", n)) {
				t.Errorf("%s has no answer %d", d.Conversation, n)
			}
		}
	}
}
