//go:build linux

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// process is a program that runs until it is killed.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended
}

// start starts a program in a folder, where its log goes too. It dies with us,
// and an interrupt from the terminal reaches us and not it.
func start(dir, name, program string, flags ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(program, flags...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// kill ends the program at once: all that it knows is thrown away anyway.
func (p *process) kill() {
	_ = killGroup(p.cmd)
	<-p.ended
}

// failed is an error if the program has ended.
func (p *process) failed() error {
	select {
	case <-p.ended:
		content, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s has ended: %s\n%s", p.name, p.cmd.ProcessState, lastLines(string(content), 20))
	default:
		return nil
	}
}

func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
