//go:build unix

package faas

import (
	"os"
	"syscall"
)

// pause stops a process in its tracks until resume, which does nothing to one that
// is not paused.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
