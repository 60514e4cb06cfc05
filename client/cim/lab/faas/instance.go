package faas

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// instance is one process and its runtime API.
type instance struct {
	api    *runtimeAPI
	server *http.Server
	cmd    *exec.Cmd
	begun  time.Time     // when the process was started
	done   chan struct{} // closed when the process has ended
	serves sync.WaitGroup

	// Guarded by the mutex of the Function.
	handed int  // events
	warm   bool // it has answered
}

// start starts the program and returns when it asks for its first event. The program is
// not frozen yet, because an event already waits for it.
func start(c Config) (*instance, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for an instance: %w", err)
	}
	i := &instance{api: newRuntimeAPI(), done: make(chan struct{})}
	i.server = &http.Server{Handler: i.api, ReadHeaderTimeout: initTime}
	i.serves.Go(func() { _ = i.server.Serve(listener) }) // kill ends it
	i.cmd = exec.Command(c.Command[0], c.Command[1:]...)
	i.cmd.Env = append(append(os.Environ(), c.Env...),
		"AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=cim")
	i.cmd.Stdout, i.cmd.Stderr = c.Log, c.Log
	i.cmd.SysProcAttr = childAttr()
	i.begun = time.Now()
	if err := i.cmd.Start(); err != nil {
		i.stopServing()
		return nil, fmt.Errorf("start instance: %w", err)
	}
	go func() {
		_ = i.cmd.Wait() // the status of the process does not matter, only its end
		close(i.done)
	}()
	if err := i.awaitRest(initTime); err != nil {
		i.kill()
		return nil, fmt.Errorf("start instance: %w", err)
	}
	return i, nil
}

// awaitRest blocks until the program asks for an event.
func (i *instance) awaitRest(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-i.api.resting:
		return nil
	case err := <-i.api.failedInit:
		return err
	case <-i.done:
		return ErrExited
	case <-timer.C:
		return ErrTimeout
	}
}

// invoke resumes the frozen program, passes it an event, and blocks until it has
// answered.
func (i *instance) invoke(payload []byte, limit time.Duration, death death) ([]byte, error) {
	if err := resume(i.cmd.Process); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExited, err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var dies <-chan time.Time
	if death == dieWithin {
		dies = time.After(soon())
	}
	deadline := time.Now().Add(limit)
	e := &event{payload: payload, deadline: strconv.FormatInt(deadline.UnixMilli(), 10), outcome: make(chan outcome, 1)}
	select {
	case i.api.events <- e:
	case <-i.done:
		return nil, ErrExited
	}
	select {
	case o := <-e.outcome:
		return o.answer, o.err
	case <-dies:
		return nil, ErrExited
	case <-i.done:
		return nil, ErrExited
	case <-timer.C:
		return nil, ErrTimeout
	}
}

// freeze stops the program as soon as it asks for the next event.
func (i *instance) freeze() error {
	if err := i.awaitRest(initTime); err != nil {
		return err
	}
	if err := pause(i.cmd.Process); err != nil {
		return fmt.Errorf("freeze instance: %w", err)
	}
	return nil
}

// kill ends the process and waits for it.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill() // an error means that it has ended
	<-i.done
	i.stopServing()
}

func (i *instance) stopServing() {
	i.server.Close()
	i.serves.Wait()
}
