//go:build unix

package faas

import (
	"os"
	"syscall"
)

// pause makes a process stand still until resume. For a process that is not paused,
// resume does nothing.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
