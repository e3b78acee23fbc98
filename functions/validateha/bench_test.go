package validateha_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions/validateha"
)

// sizes are the manifests of the benchmarks: the overlay harbor-1.2-ha, and the
// same among 1,000 objects.
var sizes = map[string]func(testing.TB) string{
	"overlay":      withSecret,
	"1000 objects": func(t testing.TB) string { return crowded(t, withSecret(t), 1000) },
}

// crowded adds other applications, each with a workload, its ConfigMap, Service,
// claim and volume, until there are n objects.
func crowded(t testing.TB, text string, n int) string {
	const application = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-%[1]d}
spec:
  replicas: 3
  selector: {matchLabels: {app: app-%[1]d}}
  template:
    metadata: {labels: {app: app-%[1]d}}
    spec:
      containers:
      - name: app
        image: example.com/app:1
        env: [{name: A, valueFrom: {configMapKeyRef: {name: app-%[1]d, key: a}}}]
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: app-%[1]d}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app-%[1]d}
data: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: app-%[1]d}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: app-%[1]d}
spec: {accessModes: [ReadWriteMany], storageClassName: "", selector: {matchLabels: {app: app-%[1]d}}, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: app-%[1]d, labels: {app: app-%[1]d}}
spec: {accessModes: [ReadWriteMany], capacity: {storage: 1Gi}, nfs: {server: nfs.example.com, path: /app-%[1]d}}
`
	var b strings.Builder
	b.WriteString(text)
	for i := range (n - len(parse(t, text).items)) / 5 {
		fmt.Fprintf(&b, application, i)
	}
	return b.String()
}

// BenchmarkParse is what BenchmarkValidate is compared with: text becomes
// objects.
func BenchmarkParse(b *testing.B) {
	for name, text := range sizes {
		b.Run(name, func(b *testing.B) {
			text := text(b)
			for b.Loop() {
				parse(b, text)
			}
		})
	}
}

func BenchmarkValidate(b *testing.B) {
	for name, text := range sizes {
		b.Run(name, func(b *testing.B) {
			m := parse(b, text(b))
			for b.Loop() {
				list := &framework.ResourceList{Items: m.items}
				v := validateha.ValidateHA{KubernetesVersion: today}
				if err := v.Run(list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestCost compares the work of validating with that of parsing by what they
// allocate, which does not depend on the machine: it is to be twice as much at
// most, also among many objects.
func TestCost(t *testing.T) {
	for name, text := range sizes {
		text := text(t)
		m := parse(t, text)
		parsing := testing.AllocsPerRun(1, func() { parse(t, text) })
		validating := testing.AllocsPerRun(1, func() { m.validate(today) })
		if validating > 2*parsing {
			t.Errorf("%s: validating makes %.0f allocations, parsing %.0f", name, validating, parsing)
		}
	}
}
