package main

import (
	"fmt"
	"runtime"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
)

// BenchmarkHarborHA runs all of the program, harbor-ha on the base among other
// objects: time and memory for each of them stay the same however many there
// are. What reading and writing have of it, internal/krm measures.
//
//	go test ./cmd/krmfn ./internal/krm -run '^$' -bench .
func BenchmarkHarborHA(b *testing.B) {
	config := example(b, namedFunction(b, "harbor-ha"))
	base := len(baseItems(b))
	for _, objects := range []int{base, 1_000, 10_000} {
		items := baseItems(b)
		for i := base; i < objects; i++ {
			items = append(items, filler(i))
		}
		in := []byte(resourceList(items, config))
		b.Run(fmt.Sprintf("objects-%d", objects), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if o := functions.Catalog.Run(in, ""); o.Failed() {
					b.Fatal(o.Findings)
				}
			}
			runtime.ReadMemStats(&after)
			runs := float64(b.N * objects)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/runs, "ns/object")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/runs, "B/object")
			b.ReportMetric(float64(len(in)/objects), "input-B/object")
		})
	}
}

// filler is an object that no function is for: a Deployment or a ConfigMap.
func filler(i int) *yaml.RNode {
	if i%2 == 0 {
		return yaml.MustParse(fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata:
  name: filler-%d
data:
  LOG_LEVEL: debug
  NUMBER: "%[1]d"
  config.yml: |
    # a comment
    level: info
    list:
    - a
    - b
`, i))
	}
	return yaml.MustParse(fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: filler-%d
  labels:
    app: filler-%[1]d
spec:
  replicas: 1 # a comment
  selector:
    matchLabels:
      app: filler-%[1]d
  template:
    metadata:
      labels:
        app: filler-%[1]d
    spec:
      containers:
      - name: main
        image: example.com/filler:1
        env:
        - name: LOG_LEVEL
          valueFrom:
            configMapKeyRef:
              name: filler-%[1]d
              key: LOG_LEVEL
        volumeMounts:
        - name: config
          mountPath: /etc/filler
      volumes:
      - name: config
        configMap:
          name: filler-%[1]d
`, i))
}
