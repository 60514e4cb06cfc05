//go:build unix

package redistest

import (
	"os"
	"syscall"
)

// pause makes a process stand still until resume.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
