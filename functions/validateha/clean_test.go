package validateha_test

import (
	"strings"
	"testing"
)

// TestClean shows that every rule can be satisfied.
func TestClean(t *testing.T) {
	for _, text := range []string{clean(t), inNamespace(t, clean(t))} {
		if found := parse(t, text).validate(today); len(found) > 0 {
			t.Errorf("there are findings:\n%s", strings.Join(found, "\n"))
		}
	}
}
