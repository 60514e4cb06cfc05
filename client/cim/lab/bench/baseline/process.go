package baseline

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Process is a limit server in a process of its own.
type Process struct {
	Address string // host:port for clients
	PID     int

	cmd   *exec.Cmd
	stdin io.Closer
}

// Start runs command, and returns when it serves. The command must call Serve until its
// standard input ends. The caller stops the returned process. It also ends if the caller's
// process ends in any way.
func Start(command []string) (*Process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start limit: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start limit: %w", err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start limit: %w", err)
	}
	p := &Process{PID: cmd.Process.Pid, cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("the baseline server does not print its address: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	p.Address = strings.TrimSpace(line)
	return p, nil
}

// Stop ends the process and waits until it has ended.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	_ = p.cmd.Wait()         // it was killed
	p.stdin.Close()
}
