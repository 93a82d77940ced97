package node

import (
	"runtime"
	"testing"
)

// TestMetricsOfTheProcess: what a daemon takes from its machine can be watched.
func TestMetricsOfTheProcess(t *testing.T) {
	families, err := newMetrics().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			values[f.GetName()] += m.GetGauge().GetValue()
		}
	}
	want := []string{"go_goroutines", "go_memstats_heap_inuse_bytes"}
	if runtime.GOOS == "linux" {
		want = append(want, "process_open_fds", "process_resident_memory_bytes")
	}
	for _, name := range want {
		if values[name] <= 0 {
			t.Errorf("%s is %v", name, values[name])
		}
	}
	if _, told := values["go_gc_heap_live_bytes"]; !told {
		t.Error("the heap that is left after a collection is not told")
	}
}
