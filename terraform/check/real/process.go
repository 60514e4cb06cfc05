package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is what a server has to take connections, and to end.
const patience = 60 * time.Second

// process is a server that runs beside this program.
type process struct {
	addr string // 127.0.0.1:port
	log  string // path of what it prints
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// launch starts a server and returns when it takes connections. The command gets
// its port by args.
func launch(ctx context.Context, dir string, env []string, name string, args func(port string) []string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	p := &process{addr: addr, log: filepath.Join(dir, filepath.Base(name)+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(name, args(port)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), env...)
	// It has a process group of its own, so that an interrupt of this program does not
	// end it before Stop. terraform is interrupted, too, and can still write its state.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // a status says less than that it ended
		close(p.done)
	}()
	if err := p.await(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w; it printed into %s", name, err, p.log)
	}
	return p, nil
}

// freeAddress returns one that nobody listens at.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for tick := time.Tick(50 * time.Millisecond); ; {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		}
	}
}

// Stop asks the server to end and waits until it has.
func (p *process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}
