package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// niceness is the nice value of a generator. It gives a generator less priority than the
// processes beside it.
const niceness = "10"

// Process is a generator in a process of its own.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
	stderr *strings.Builder
	ended  chan struct{} // closed when the report has come

	// Written before ended is closed.
	report Report
	err    error
}

// Start runs command, which must call Serve, with little priority (nice). It returns when
// the whole attack is under way. The caller must call End. The process also ends when ctx
// or the caller's process ends.
func Start(ctx context.Context, command []string, plan Plan) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, "nice", append([]string{"-n", niceness}, command...)...),
		stderr: new(strings.Builder), ended: make(chan struct{})}
	p.cmd.Stderr = p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start generator: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start generator: %w", err)
	}
	p.out = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start generator: %w", err)
	}
	if err := p.begin(plan); err != nil {
		_ = p.cmd.Process.Kill() // an error means that it has ended already
		_ = p.cmd.Wait()         // it was killed
		return nil, fmt.Errorf("start generator: %w: %s", err, strings.TrimSpace(p.stderr.String()))
	}
	go func() {
		defer close(p.ended)
		p.err = json.NewDecoder(p.out).Decode(&p.report)
	}()
	return p, nil
}

func (p *Process) begin(plan Plan) error {
	if err := json.NewEncoder(p.stdin).Encode(plan); err != nil {
		return err
	}
	line, err := p.out.ReadString('\n')
	if err == nil && strings.TrimSpace(line) != ready {
		err = fmt.Errorf("it says %q", line)
	}
	return err
}

// Ended returns a channel that is closed when the attack has ended. The attack ends
// before the call of End if its timer is too late.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// End ends the attack and returns its report.
func (p *Process) End() (Report, error) {
	p.stdin.Close()
	<-p.ended
	err := p.cmd.Wait()
	if err == nil {
		err = p.err
	}
	if err != nil {
		return p.report, fmt.Errorf("end generator: %w: %s", err, strings.TrimSpace(p.stderr.String()))
	}
	return p.report, nil
}
