//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// endpoints follows the EndpointSlices of one namespace: what a kube-proxy would
// know at any time.
type endpoints struct {
	mu     sync.Mutex
	slices map[string]object
	gone   string         // endpoints on this node do not count
	least  map[string]int // by Service
}

// watchEndpoints watches until the test ends. It returns when it has seen so many
// ready endpoints of each Service.
func watchEndpoints(t *testing.T, namespace string, want map[string]int) *endpoints {
	t.Helper()
	e := &endpoints{slices: map[string]object{}}
	cmd := exec.Command("kubectl", "get", "endpointslices", "--namespace="+namespace, "--watch", "--output-watch-events", "-o", "json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		decoder := json.NewDecoder(stdout)
		for {
			var event struct {
				Type   string
				Object object
			}
			if err := decoder.Decode(&event); err != nil {
				ended <- err
				return
			}
			e.see(event.Type, event.Object)
		}
	}()
	t.Cleanup(func() {
		if len(ended) > 0 {
			t.Errorf("the watch has ended: %v\n%s", <-ended, &stderr)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, fmt.Sprintf("a watch sees the endpoints %v of namespace %s", want, namespace), func() error {
		e.begin("")
		got := e.minimum()
		if !maps.Equal(got, want) {
			return fmt.Errorf("it sees %v", got)
		}
		return nil
	})
	return e
}

func (e *endpoints) see(event string, slice object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if event == "DELETED" {
		delete(e.slices, name(slice))
	} else {
		e.slices[name(slice)] = slice
	}
	now := e.count()
	for service, least := range e.least {
		e.least[service] = min(least, now[service])
	}
}

func (e *endpoints) count() map[string]int {
	n := map[string]int{}
	for _, slice := range e.slices {
		n[serviceOf(slice)] += readyEndpoints(slice, e.gone)
	}
	return n
}

// begin counts from now on, without those on the given node.
func (e *endpoints) begin(gone string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = gone
	e.least = e.count()
}

// minimum is the least number of ready endpoints since begin, by Service.
func (e *endpoints) minimum() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.least)
}

func serviceOf(slice object) string {
	return text(at(slice, "metadata", "labels"), "kubernetes.io/service-name")
}

// readyEndpoints counts the addresses that get requests, but none on the node.
func readyEndpoints(slice object, except string) int {
	n := 0
	for _, e := range list(slice["endpoints"]) {
		endpoint, _ := e.(object)
		if at(endpoint, "conditions")["ready"] == true && (except == "" || text(endpoint, "nodeName") != except) {
			n += len(list(endpoint["addresses"]))
		}
	}
	return n
}
