//go:build linux

// Package cluster starts a Kubernetes cluster on the loopback interface: a real
// control plane (etcd, kube-apiserver, kube-controller-manager, kube-scheduler),
// and three nodes in two zones whose kubelets kwok plays. Their pods get an
// address and become ready, but no container runs.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Node is a node and the zone it is in.
type Node struct{ Name, Zone string }

// Nodes are the nodes of every cluster.
var Nodes = []Node{{"node-1", "zone-a"}, {"node-2", "zone-a"}, {"node-3", "zone-b"}}

// Options are where a cluster can differ from Kubernetes' defaults.
type Options struct {
	// NodeMonitorGracePeriod is how long a node counts as ready after the last
	// sign of life: 50s if not set.
	NodeMonitorGracePeriod time.Duration
	// UnreachableToleration is how long pods stay on a node that does not: 5m if not set.
	UnreachableToleration time.Duration
}

// Cluster is a running cluster.
type Cluster struct {
	// Kubeconfig is a file for kubectl. It lets do everything.
	Kubeconfig string

	dir       string
	programs  string
	processes []*process
	kubelets  map[string]*process // by name of the node
}

// Start starts a cluster from the folder that Programs returns. All its nodes are
// ready when it returns. Everything it writes goes into a temporary folder.
func Start(ctx context.Context, programs string, options Options) (_ *Cluster, err error) {
	if options.NodeMonitorGracePeriod == 0 {
		options.NodeMonitorGracePeriod = 50 * time.Second
	}
	if options.UnreachableToleration == 0 {
		options.UnreachableToleration = 5 * time.Minute
	}
	dir, err := os.MkdirTemp("", "krmfn-cluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Kubeconfig: filepath.Join(dir, kubeconfigFile),
		dir:        dir,
		programs:   programs,
		kubelets:   map[string]*process{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	admin, err := writeCredentials(dir)
	if err != nil {
		return nil, err
	}
	// Programs use sockets where they can and no port where they need none.
	if err := c.run("etcd", "server", // the name of its main package
		"--data-dir=etcd",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+etcdPeerURL, "--initial-advertise-peer-urls="+etcdPeerURL,
		"--initial-cluster=default="+etcdPeerURL,
		"--unsafe-no-fsync", "--log-level=warn",
	); err != nil {
		return nil, err
	}
	if err := c.startAPIServer(ctx, admin, options); err != nil {
		return nil, err
	}
	client := "--kubeconfig=" + c.Kubeconfig
	if err := c.run("kube-controller-manager", "kube-controller-manager", client,
		"--secure-port=0", "--leader-elect=false",
		"--service-account-private-key-file="+serviceAccountKey, "--root-ca-file="+caCert,
		"--node-monitor-grace-period="+options.NodeMonitorGracePeriod.String(),
	); err != nil {
		return nil, err
	}
	if err := c.run("kube-scheduler", "kube-scheduler", client, "--secure-port=0", "--leader-elect=false"); err != nil {
		return nil, err
	}
	return c, c.startNodes(ctx, options)
}

// Relative to the folder of the cluster.
const (
	etcdURL     = "unix://etcd.sock"
	etcdPeerURL = "unix://etcd-peer.sock"
)

// startAPIServer starts the API server on a free port. Somebody else can take the
// port before it does: then it tries another.
func (c *Cluster) startAPIServer(ctx context.Context, admin clientCredentials, options Options) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.Kubeconfig, admin.kubeconfig("https://127.0.0.1:"+port), 0o600); err != nil {
			return err
		}
		if err := c.run("kube-apiserver", "kube-apiserver",
			"--etcd-servers="+etcdURL,
			"--bind-address=127.0.0.1", "--secure-port="+port,
			"--tls-cert-file="+serverCert, "--tls-private-key-file="+serverKey,
			"--client-ca-file="+caCert, "--authorization-mode=RBAC",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file="+serviceAccountKey, "--service-account-signing-key-file="+serviceAccountKey,
			"--service-cluster-ip-range=10.96.0.0/16",
			// An endpoint of the Service kubernetes may not be on loopback.
			"--endpoint-reconciler-type=none",
			fmt.Sprintf("--default-unreachable-toleration-seconds=%d", int(options.UnreachableToleration.Seconds())),
		); err != nil {
			return err
		}
		err = c.until(ctx, func() error {
			_, err := c.Kubectl(ctx, "", "get", "--raw=/readyz")
			return err
		})
		if err == nil || attempt == 3 || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		c.processes = c.processes[:len(c.processes)-1] // the API server that has ended
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// startNodes makes the nodes, each with a kubelet of its own, and waits until pods
// can run on them.
func (c *Cluster) startNodes(ctx context.Context, options Options) error {
	var manifests strings.Builder
	for i, node := range Nodes {
		fmt.Fprintf(&manifests, `---
apiVersion: v1
kind: Node
metadata:
  name: %[1]s
  labels:
    kubernetes.io/hostname: %[1]s
    kubernetes.io/os: linux
    topology.kubernetes.io/zone: %[2]s
status:
  allocatable: &resources {cpu: "4", memory: 16Gi, pods: "110"}
  capacity: *resources
`, node.Name, node.Zone)
		// A kubelet renews its lease four times while it lasts (40s in Kubernetes,
		// less than the grace period).
		lease := options.NodeMonitorGracePeriod * 4 / 5
		kubelet, err := start(c.dir, "kubelet of "+node.Name, filepath.Join(c.programs, "kwok"),
			"--kubeconfig="+c.Kubeconfig, "--config="+filepath.Join(c.programs, stagesFile),
			"--manage-single-node="+node.Name,
			fmt.Sprintf("--node-lease-duration-seconds=%d", int(lease.Seconds())),
			fmt.Sprintf("--node-ip=192.0.2.%d", i+1), // for documentation, RFC 5737: nobody answers
			fmt.Sprintf("--cidr=10.244.%d.1/24", i+1))
		if err != nil {
			return err
		}
		c.processes = append(c.processes, kubelet)
		c.kubelets[node.Name] = kubelet
	}
	if _, err := c.Kubectl(ctx, manifests.String(), "create", "-f", "-"); err != nil {
		return err
	}
	return c.until(ctx, func() error {
		// Without the ServiceAccount no pod is created, and a node is for pods when
		// the taint is gone that it begins with.
		if _, err := c.Kubectl(ctx, "", "get", "serviceaccount", "default"); err != nil {
			return err
		}
		taints, err := c.Kubectl(ctx, "", "get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}")
		if err != nil {
			return err
		}
		if taints != "" {
			return fmt.Errorf("nodes have the taints %s", taints)
		}
		_, err = c.Kubectl(ctx, "", "wait", "--for=condition=Ready", "--timeout=1s", "node", "--all")
		return err
	})
}

// KillNode takes the power from a node: its kubelet says nothing any more.
func (c *Cluster) KillNode(name string) {
	c.kubelets[name].kill()
	c.processes = slices.DeleteFunc(c.processes, func(p *process) bool { return p == c.kubelets[name] })
	delete(c.kubelets, name)
}

// Env is the environment in which kubectl uses the cluster and leaves nothing
// elsewhere.
func (c *Cluster) Env() map[string]string {
	return map[string]string{
		"KUBECONFIG":   c.Kubeconfig,
		"KUBECACHEDIR": filepath.Join(c.dir, "kubectl"),
	}
}

// Kubectl runs kubectl on the cluster and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Env = os.Environ()
	for name, value := range c.Env() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w%s", strings.Join(args, " "), err, stderrOf(err))
	}
	return string(out), nil
}

// Stop ends the cluster and removes all that it wrote.
func (c *Cluster) Stop() error {
	for _, p := range c.processes {
		p.kill()
	}
	c.processes = nil
	return os.RemoveAll(c.dir)
}

// Failed is an error if a program of the cluster has ended by itself.
func (c *Cluster) Failed() error {
	for _, p := range c.processes {
		if err := p.failed(); err != nil {
			return err
		}
	}
	return nil
}

// run starts a program of the control plane.
func (c *Cluster) run(name, program string, flags ...string) error {
	p, err := start(c.dir, name, filepath.Join(c.programs, program), flags...)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return err
}

// until repeats until there is no error, for two minutes at most and while all
// programs run.
func (c *Cluster) until(ctx context.Context, done func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := done()
		if err == nil {
			return nil
		}
		if failed := c.Failed(); failed != nil {
			return failed
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
