package krm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

func TestWithoutUserinfo(t *testing.T) {
	for in, want := range map[string]string{
		"http://u:hunter2@hub/x is not http://hub/x":             "http://***@hub/x is not http://hub/x",
		`is "https://u:hunter2@hub:1", want "b:c@d"`:             `is "https://***@hub:1", want "***@d"`,
		`"http://u:hun ter2@hub"`:                                `"http://***@hub"`,
		`"u:hun\"hunter2@x@hub"`:                                 `"***@hub"`,
		"u:hunter2@tcp(db:3306)/registry":                        "***@tcp(db:3306)/registry",
		"MYSQL_HOST=u:hunter2@db":                                "MYSQL_HOST=***@db",
		"redis://:hunter2@redis:6379/1":                          "redis://***@redis:6379/1",
		"http://u:hunter/2@x@hub/p":                              "http://***@hub/p",
		"https://hunter2@hub":                                    "https://***@hub",
		"field: from u:hunter2@db to db":                         "field: from ***@db to db",
		"git@github.com:o/r":                                     "git@github.com:o/r",
		"admin@example.com: no such user":                        "admin@example.com: no such user",
		"r:5000/i:v1@sha256:" + strings.Repeat("0", 64):          "r:5000/i:v1@sha256:" + strings.Repeat("0", 64),
		"http://u:hunter2@r/i@sha256:" + strings.Repeat("0", 64): "http://***@r/i@sha256:" + strings.Repeat("0", 64),
		"https://example.com/a@b":                                "https://example.com/a@b",
		"nothing":                                                "nothing",
		"a: b @ c":                                               "a: b @ c",
		"a:@b":                                                   "***@b",
	} {
		if got := WithoutUserinfo(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

func TestUserinfoInValues(t *testing.T) {
	r := framework.Result{Message: "u:p@h", Field: &framework.Field{
		CurrentValue:  "a: b\nrealm: http://u:hun ter@hub/x\nc: d@e\n",
		ProposedValue: []any{map[string]any{"a": "u:p@h"}, map[any]any{1: "u:p@h"}, 3},
	}}
	hideIn(&r)
	want := framework.Result{Message: "***@h", Field: &framework.Field{
		CurrentValue:  "a: b\nrealm: http://***@hub/x\nc: d@e\n",
		ProposedValue: []any{map[string]any{"a": "***@h"}, map[any]any{1: "***@h"}, 3},
	}}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
}
