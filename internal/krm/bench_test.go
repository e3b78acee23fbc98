package krm

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkRead reads lists of ConfigMaps, BenchmarkWrite writes them: time and
// memory for each object stay the same however many there are.
func BenchmarkRead(b *testing.B) {
	perObject(b, func(b *testing.B, in []byte) func() {
		return func() {
			if _, err := readList(in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	perObject(b, func(b *testing.B, in []byte) func() {
		d, err := readList(in)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if _, err := d.bytes(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func perObject(b *testing.B, prepare func(*testing.B, []byte) func()) {
	for _, objects := range []int{18, 1_000, 10_000} {
		b.Run(fmt.Sprintf("objects-%d", objects), func(b *testing.B) {
			var items strings.Builder
			for i := range objects {
				items.WriteString(item(fmt.Sprintf("c-%d", i), "    labels:\n      app: x # why\n  data:\n    key: value\n    more: \"1\"\n    list:\n    - a\n    - {b: c}\n"))
			}
			run := prepare(b, []byte(listOf(items.String(), "{}")))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				run()
			}
			runtime.ReadMemStats(&after)
			n := float64(b.N * objects)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/object")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n, "B/object")
		})
	}
}
