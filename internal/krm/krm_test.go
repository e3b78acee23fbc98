package krm

import (
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"SetReplicas", "UseCephFS", "HarborHA"}
	for name, want := range map[string]string{
		"SetReplica": "did you mean SetReplicas? (known are SetReplicas, UseCephFS, HarborHA)",
		"harborha":   "did you mean HarborHA? (known are SetReplicas, UseCephFS, HarborHA)",
		"Deployment": "known are SetReplicas, UseCephFS, HarborHA",
		"":           "known are SetReplicas, UseCephFS, HarborHA",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// TestNothingKnown: a message that lists what there is says so where that is nothing.
func TestNothingKnown(t *testing.T) {
	if got := Nearest("ui", nil); got != "known are none" {
		t.Error(got)
	}
	if got := Joined([]string{"a", "b"}); got != "a, b" {
		t.Error(got)
	}
}
