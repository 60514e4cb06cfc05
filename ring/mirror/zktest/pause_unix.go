//go:build unix

package zktest

import (
	"os"
	"syscall"
)

// pause suspends a process until resume.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
