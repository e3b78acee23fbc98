//go:build linux

package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// CacheVariable names the environment variable with the folder that keeps the
// programs. Without it that is krmfn in the user's folder for caches.
const CacheVariable = "KRMFN_CACHE"

// buildFlags make the same programs wherever they are built. The version goes
// into them by its name: built as a dependency, Kubernetes says it is
// v0.0.0-master (k8s.io/component-base/version/base.go).
func buildFlags(version string) []string {
	const pkg = "k8s.io/component-base/version"
	major, minor, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	set := fmt.Sprintf("-X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitTreeState=clean",
		pkg, version, major, minor)
	return []string{"-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w " + set}
}

// Programs returns the folder with the programs of a cluster. It builds them if
// nobody has yet: the tools of the given module, at the versions that its go.mod
// and go.sum pin. Progress is told to the writer.
func Programs(ctx context.Context, module string, progress io.Writer) (string, error) {
	cache := os.Getenv(CacheVariable)
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("%s is not set: %w", CacheVariable, err)
		}
		cache = filepath.Join(user, "krmfn")
	}
	version, err := goCommand(ctx, module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	flags := buildFlags(version)
	key, err := key(ctx, module, flags)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "cluster-"+key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}

	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"), progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // somebody else has built them meanwhile
	}
	// Who holds the lock is the only one to build: these are of somebody who
	// was killed.
	const prefix = "building-"
	abandoned, err := filepath.Glob(filepath.Join(cache, prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, old := range abandoned {
		if err := os.RemoveAll(old); err != nil {
			return "", err
		}
	}
	building, err := os.MkdirTemp(cache, prefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(building)
	fmt.Fprintf(progress, "cluster: building Kubernetes %s, etcd and kwok into %s, once: this takes minutes\n", version, dir)
	if err := build(ctx, module, building, flags, progress); err != nil {
		return "", err
	}
	if err := copyStages(ctx, module, building); err != nil {
		return "", err
	}
	return dir, os.Rename(building, dir)
}

// key is different for programs that may be different.
func key(ctx context.Context, module string, flags []string) (string, error) {
	compiler, err := goCommand(ctx, module, "version")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%q\n%q\n", compiler, flags, stages)
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// lock waits until nobody else builds. The kernel frees a lock whose holder was
// killed.
func lock(ctx context.Context, path string, progress io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !said {
			fmt.Fprintf(progress, "cluster: waiting for another build, which holds %s\n", path)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// build builds the tools of the module and says now and then how far it is.
func build(ctx context.Context, module, dir string, flags []string, progress io.Writer) error {
	args := append([]string{"build", "-v", "-o", dir + string(filepath.Separator)}, flags...)
	cmd := goCmd(ctx, module, append(args, "tool")...)
	// A go command that is killed leaves its folder behind: let it be in ours.
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd.Env = append(cmd.Env, "GOTMPDIR="+work)
	var output lines
	cmd.Stdout, cmd.Stderr = &output, &output
	start, done := time.Now(), make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		ticker := time.NewTicker(15 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				fmt.Fprintf(progress, "cluster: %d packages compiled in %s\n", output.count(), time.Since(start).Round(time.Second))
			}
		}
	})
	err := cmd.Run()
	close(done)
	telling.Wait()
	if err != nil {
		return fmt.Errorf("go build tool in %s: %w\n%s", module, err, output.tail(30))
	}
	fmt.Fprintf(progress, "cluster: built in %s\n", time.Since(start).Round(time.Second))
	return nil
}

// stages are the files of kwok that say what its kubelets do; without them they do
// nothing. A pod takes its seconds to start. It ends when it is told to: kwok's
// other pod-delete.yaml waits for up to all of the 30s that a pod is given.
var stages = []string{
	"node/fast/node-initialize.yaml",
	"node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
	"pod/general/pod-create.yaml",
	"pod/general/pod-init-container-running.yaml",
	"pod/general/pod-init-container-completed.yaml",
	"pod/general/pod-ready.yaml",
	"pod/general/pod-complete.yaml",
	"pod/fast/pod-delete.yaml",
}

const stagesFile = "stages.yaml"

// copyStages puts kwok's own stages beside the programs, as one file.
func copyStages(ctx context.Context, module, dir string) error {
	kwok, err := goCommand(ctx, module, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, stage := range stages {
		content, err := os.ReadFile(filepath.Join(kwok, "kustomize/stage", stage))
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", content)
	}
	return os.WriteFile(filepath.Join(dir, stagesFile), all.Bytes(), 0o644)
}

func goCmd(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=", "GOARCH=")
	ownGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd) } // the compilers too
	return cmd
}

func goCommand(ctx context.Context, module string, args ...string) (string, error) {
	out, err := goCmd(ctx, module, args...).Output()
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w%s", strings.Join(args, " "), module, err, stderrOf(err))
	}
	return strings.TrimSpace(string(out)), nil
}

func stderrOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return "\n" + string(exit.Stderr)
	}
	return ""
}

// lines collects output; it can be read while it is written.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.all.Bytes(), []byte("\n"))
}

func (l *lines) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lastLines(l.all.String(), n)
}

func lastLines(text string, n int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
