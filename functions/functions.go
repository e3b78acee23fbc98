// Package functions is the list of all functions: nothing else registers one.
package functions

import (
	"embed"
	"strings"

	"krmfn.dev/harbor/functions/applyharborcfg"
	"krmfn.dev/harbor/functions/exposenodeport"
	"krmfn.dev/harbor/functions/fixregistrymount"
	"krmfn.dev/harbor/functions/harborha"
	"krmfn.dev/harbor/functions/injectredis"
	"krmfn.dev/harbor/functions/movesecrets"
	"krmfn.dev/harbor/functions/setendpoint"
	"krmfn.dev/harbor/functions/setjoblogs"
	"krmfn.dev/harbor/functions/setreplicas"
	"krmfn.dev/harbor/functions/spreadpods"
	"krmfn.dev/harbor/functions/usecephfs"
	"krmfn.dev/harbor/functions/useexternaldatabase"
	"krmfn.dev/harbor/functions/useobjectstorage"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Group is the API group of every function config.
const Group = "harbor.krmfn.dev"

// Catalog holds the functions in the order in which harbor-ha runs them, and
// harbor-ha last.
var Catalog = krm.Catalog{
	APIVersion: Group + "/v1alpha1",
	Around:     kube.FollowChecksums,
	Functions: withManuals(
		applyharborcfg.Function,
		setreplicas.Function,
		usecephfs.Function,
		useobjectstorage.Function,
		setjoblogs.Function,
		fixregistrymount.Function,
		injectredis.Function,
		useexternaldatabase.Function,
		exposenodeport.Function,
		setendpoint.Function,
		spreadpods.Function,
		movesecrets.Function,
		validateha.Function,
		harborha.Function,
	),
}

// manuals are what make golden derives. A new function has none before that.
//
//go:embed */README.md
var manuals embed.FS

// withManuals gives each function the manual from the folder of its package.
func withManuals(functions ...krm.Function) []krm.Function {
	for i, f := range functions {
		if manual, err := manuals.ReadFile(folder(f) + "/README.md"); err == nil {
			functions[i].Manual = string(manual)
		}
	}
	return functions
}

// folder is the package of a function: its name without hyphens.
func folder(f krm.Function) string { return strings.ReplaceAll(f.Name, "-", "") }
