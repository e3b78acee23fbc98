package kube

import (
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Digits is the text of a number, as 30002 of 0x7532, and of what is none as it is.
func Digits(obj *yaml.RNode, path ...any) string {
	if n, ok := Integer(obj, path...); ok {
		return strconv.Itoa(n)
	}
	return krm.Text(obj, path...)
}

// Integer reads a whole number as Kubernetes does: 3, 0x3, 0o3 and 3.0 are the
// same. It is false where there is none.
func Integer(obj *yaml.RNode, path ...any) (int, bool) {
	node := krm.Lookup(obj, path...)
	if node == nil || node.Kind != yaml.ScalarNode {
		return 0, false
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return 0, false
	}
	switch v := value.(type) {
	case int:
		return v, true
	case float64:
		return int(v), v == float64(int(v))
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}
