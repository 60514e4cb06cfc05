package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a program that Start or AddNode started, and that may be started again. Any
// goroutine may kill, pause and stop it.
type Process struct {
	Name string // node-1, route
	URL  string // base URL for /healthz and /readyz
	Log  string // path of its log, which continues after a restart

	http  *http.Client // client for calls of the process; nil: the variable probes
	clock string       // path of the file with the error of its clock; empty: it uses the machine's clock

	life atomic.Pointer[life] // the present life; if the process does not run, the latest one
}

// life is the process from one start to its end.
type life struct {
	process *os.Process
	began   time.Time
	done    chan struct{} // closed when it has ended

	// Written before done is closed.
	err error
}

// launch starts the program. It runs until it ends by itself, or until Stop or Kill.
func (c *Cluster) launch(name, url string, command []string) (*Process, error) {
	p := &Process{Name: name, URL: url, Log: filepath.Join(c.dir, name+".log"), http: c.http}
	if c.config.Clocks {
		p.clock = filepath.Join(c.dir, name+".clock")
	}
	return p, p.begin(command)
}

// begin starts the program again. The life before must have ended.
func (p *Process) begin(command []string) error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.Name, err)
	}
	defer log.Close() // the child has its own copy
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.clock != "" {
		cmd.Env = append(os.Environ(), "CIM_TEST_CLOCK="+p.clock)
	}
	cmd.SysProcAttr = childAttr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	l := &life{process: cmd.Process, began: time.Now(), done: make(chan struct{})}
	p.life.Store(l)
	go func() {
		l.err = cmd.Wait()
		close(l.done)
	}()
	return nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.life.Load().process.Pid }

// Began returns when the process was last started.
func (p *Process) Began() time.Time { return p.life.Load().began }

// Done returns a channel that is closed when the process has ended. After a restart there
// is another channel.
func (p *Process) Done() <-chan struct{} { return p.life.Load().done }

// Err blocks until the process has ended, and returns nil if its status was 0. After a
// restart it waits for the next end.
func (p *Process) Err() error {
	l := p.life.Load()
	<-l.done
	return l.err
}

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	l := p.life.Load()
	_ = l.process.Kill() // an error means that it has ended already
	<-l.done
}

// ErrNoPause is returned where the system has no Signals.
var ErrNoPause = fmt.Errorf("this system cannot pause processes: %w", errors.ErrUnsupported)

// Pause makes the process stand still until Resume. The error may be ErrNoPause.
func (p *Process) Pause() error { return p.signal("pause", pause) }

// Resume undoes Pause.
func (p *Process) Resume() error { return p.signal("resume", resume) }

func (p *Process) signal(what string, send func(*os.Process) error) error {
	if err := send(p.life.Load().process); err != nil {
		return fmt.Errorf("%s %s: %w", what, p.Name, err)
	}
	return nil
}

// Stop asks the process to end and waits. If that takes longer than the time grace, Stop
// kills the process. Without Signals it kills the process at once. If the process ends
// with a status other than 0, the error describes the failure. A program with the race
// detector ends with such a status after a race. Stop returns nil for a process that had
// ended before (see Err).
func (p *Process) Stop(grace time.Duration) error {
	l := p.life.Load()
	_ = resume(l.process)                         // a paused process does not get the next signal
	if l.process.Signal(syscall.SIGTERM) != nil { // it has ended, or this system has no such signal
		p.Kill()
		return nil
	}
	select {
	case <-l.done:
	case <-time.After(grace):
		p.Kill()
	}
	return p.failure()
}

// failure returns an error with the end of the log, if the process has ended by itself
// with a status other than 0.
func (p *Process) failure() error {
	err := p.Err()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !exit.Exited() {
		return nil
	}
	return fmt.Errorf("%s: %w; its log: %s", p.Name, err, p.tail())
}

// HTTP returns a client that trusts the process. Its calls take a second at most.
func (p *Process) HTTP() *http.Client {
	if p.http == nil {
		return probes
	}
	return p.http
}

// probes is the client for processes without TLS.
var probes = &http.Client{Timeout: probeTime}

// WaitReady blocks until the process reports that it is ready, until it ends, or until ctx
// ends.
func (p *Process) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	reason := "it does not answer"
	for {
		why, ok := p.ready(ctx)
		if why != "" {
			reason = why
		}
		if ok && p.Running() { // if the process does not run, another program may have answered at its address
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s ended: %s", p.Name, p.lastLine())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %s: %w", p.Name, reason, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (p *Process) ready(ctx context.Context) (why string, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", nil)
	if err != nil {
		return err.Error(), false
	}
	answer, err := p.HTTP().Do(request)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "", true
	}
	line := make([]byte, 200)
	n, _ := answer.Body.Read(line) // if reading fails, the error lacks the reason, and is only less clear
	return strings.TrimSpace(string(line[:n])), false
}

// lastLine returns the last line of the log of a process that has ended.
func (p *Process) lastLine() string {
	b, err := os.ReadFile(p.Log)
	if err != nil || len(b) == 0 {
		return fmt.Sprint(p.life.Load().err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// tailSize is how many bytes of a log an error shows. If the log has a report of a race or
// a crash, these are bytes from the beginning of the report.
const tailSize = 8 << 10

// tail returns the end of the log, or the first report of a race or a crash in it.
func (p *Process) tail() string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	for _, mark := range []string{"WARNING: DATA RACE", "\npanic: ", "\nfatal error: "} {
		if at := bytes.Index(b, []byte(mark)); at >= 0 {
			b = b[at:]
			return string(b[:min(len(b), tailSize)])
		}
	}
	return string(b[max(0, len(b)-tailSize):])
}

// stopAll stops all processes at the same time, and waits for all of them. The error
// joins the errors of Stop.
func stopAll(processes []*Process, grace time.Duration) error {
	errs := make([]error, len(processes))
	var wait sync.WaitGroup
	for i, p := range processes {
		wait.Go(func() { errs[i] = p.Stop(grace) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}
