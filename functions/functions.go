// Package functions is the list of all functions: nothing else registers one.
package functions

import (
	"krmfn.dev/harbor/functions/applyharborcfg"
	"krmfn.dev/harbor/functions/exposenodeport"
	"krmfn.dev/harbor/functions/fixregistrymount"
	"krmfn.dev/harbor/functions/harborha"
	"krmfn.dev/harbor/functions/injectredis"
	"krmfn.dev/harbor/functions/movesecrets"
	"krmfn.dev/harbor/functions/setendpoint"
	"krmfn.dev/harbor/functions/setreplicas"
	"krmfn.dev/harbor/functions/usecephfs"
	"krmfn.dev/harbor/functions/useexternaldatabase"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/krm"
)

// Group is the API group of every function config.
const Group = "harbor.krmfn.dev"

// Catalog holds the functions in the order in which harbor-ha runs them, and
// harbor-ha last.
var Catalog = krm.Catalog{
	APIVersion: Group + "/v1alpha1",
	Functions: []krm.Function{
		applyharborcfg.Function,
		setreplicas.Function,
		usecephfs.Function,
		fixregistrymount.Function,
		injectredis.Function,
		useexternaldatabase.Function,
		exposenodeport.Function,
		setendpoint.Function,
		movesecrets.Function,
		validateha.Function,
		harborha.Function,
	},
}
