package krm

import (
	"testing"
)

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a: 1\nb: 2\n", "{b: 2, a: 1}", true},
		{"a: x # comment\n", "a: 'x'", true},
		{"a: 1", "a: '1'", false},
		{"a: 1", "a: 2", false},
		{"a: 1", "b: 1", false},
		{"a: 1", "a: 1\nb: 2", false},
		{"a: [1, 2]", "a: [2, 1]", false},
		{"a: [1]", "a: {x: 1}", false},
		{"a: ~", "a: ''", false},
		{"a: ~", "a: null", false}, // two texts; nothing depends on it
	} {
		if got := Equal(node(t, c.a), node(t, c.b)); got != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
}
