package krm

import (
	"testing"
)

func TestPath(t *testing.T) {
	p := Path{"spec", "containers", 3, "image"}
	longer := p.Append("a.b", "", "ä")
	if got := longer.String(); got != `spec.containers[3].image["a.b"][""]["ä"]` {
		t.Error(got)
	}
	if p.String() != "spec.containers[3].image" {
		t.Errorf("Append has changed the path to %s", p)
	}
}
