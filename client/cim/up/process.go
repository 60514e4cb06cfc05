package up

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that Start or AddNode started. It can be killed, paused
// and stopped from any goroutine.
type Process struct {
	Name string // node-1, route
	URL  string // of its HTTP, where /healthz and /readyz are
	Log  string // path of its log

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	// Written before done is closed.
	err error
}

// start runs the program; it lives until it ends by itself, Stop or Kill.
func start(dir, name, url string, command []string) (*Process, error) {
	path := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer log.Close() // the child has its own copy
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttr()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, URL: url, Log: path, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended: nil if with status 0. It blocks until it has.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// Pause stops the process in its tracks until Resume.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%v to %s: %w", s, p.Name, err)
	}
	return nil
}

// Stop asks the process to end, waits, and kills it if it takes longer than
// grace.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// WaitReady blocks until the process says that it is ready, ends, or ctx does.
func (p *Process) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	reason := "it does not answer"
	for {
		if why, ok := p.ready(ctx); ok {
			return nil
		} else if why != "" {
			reason = why
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.Name, p.lastLine())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %s: %w", p.Name, reason, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// probes is how the processes are asked; they answer at once or not at all.
var probes = &http.Client{Timeout: time.Second}

func (p *Process) ready(ctx context.Context) (why string, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", nil)
	if err != nil {
		return err.Error(), false
	}
	answer, err := probes.Do(request)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "", true
	}
	line := make([]byte, 200)
	n, _ := answer.Body.Read(line) // the reason is a courtesy
	return strings.TrimSpace(string(line[:n])), false
}

// lastLine is what a process that ended said last.
func (p *Process) lastLine() string {
	b, err := os.ReadFile(p.Log)
	if err != nil || len(b) == 0 {
		return fmt.Sprint(p.err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// stopAll stops the processes side by side and waits for all.
func stopAll(processes []*Process, grace time.Duration) {
	var wait sync.WaitGroup
	for _, p := range processes {
		wait.Go(func() { p.Stop(grace) })
	}
	wait.Wait()
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
