//go:build linux

// Command cluster runs a Kubernetes cluster on the loopback interface until it is
// interrupted. Its argument is the folder of the module that pins the programs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"krmfn.dev/harbor/e2e/cluster"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cluster MODULE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1)
	}
}

func run(module string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	programs, err := cluster.Programs(ctx, module, os.Stderr)
	if err != nil {
		return err
	}
	c, err := cluster.Start(ctx, programs, cluster.Options{})
	if err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\n", c.Kubeconfig)
	fmt.Fprintln(os.Stderr, "cluster: ready, Ctrl-C ends it")
	for ctx.Err() == nil && c.Failed() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return errors.Join(c.Failed(), c.Stop())
}
