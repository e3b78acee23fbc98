package harbor

import (
	"strings"
	"testing"
)

// TestReplicas counts as Kubernetes does: functions and rules have to agree on
// which workload is stopped.
func TestReplicas(t *testing.T) {
	for text, want := range map[string]int{"": 1, "replicas: 0": 0, "replicas: 0x0": 0, "replicas: 3": 3, "replicas: 0x3": 3, "replicas: 3.0": 3} {
		list := listOf(t, strings.Replace(workload("ui", "harbor-ui:v1.2.0", ""), "spec:\n  template", "spec:\n  "+text+"\n  template", 1))
		ui := FindAll(list)[0].Components[0]
		if n := ui.Replicas(); n != want || ui.stopped() != (want == 0) {
			t.Errorf("%q: %d replicas, stopped: %t", text, n, ui.stopped())
		}
	}
}
