package harborha_test

import (
	"path/filepath"
	"testing"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// BenchmarkHarborHA makes the bases, and a chart's render where there is one, highly
// available with all sections. Of a chart it may take at most half as long again as of
// base/harbor-1.2.
func BenchmarkHarborHA(b *testing.B) {
	chart := filepath.Join(golden.Corpus(b, "harbor-helm"), "h01-ingress-tls-redis-plain")
	for _, c := range []struct{ name, config, manifests string }{
		{"harbor-1.2", golden.Read(b, "../../base/harbor-1.2/harbor-ha.yaml"), golden.Base(b)},
		{"harbor-2", golden.Read(b, "../../base/harbor-2/harbor-ha.yaml"), golden.Base2(b)},
		{"chart", golden.Read(b, filepath.Join(chart, "harbor-ha.yaml")), golden.Read(b, filepath.Join(chart, "single.yaml"))},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				o := functions.Catalog.RunFiles("harbor-ha", krm.File{Name: "harbor-ha.yaml", Content: []byte(c.config)},
					[]krm.File{{Name: "single.yaml", Content: []byte(c.manifests)}})
				if o.Failed() {
					b.Fatal(o.Findings)
				}
			}
		})
	}
}
