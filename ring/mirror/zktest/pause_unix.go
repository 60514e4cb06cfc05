//go:build unix

package zktest

import (
	"os"
	"syscall"
)

// pause stops a process in its tracks until resume.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
