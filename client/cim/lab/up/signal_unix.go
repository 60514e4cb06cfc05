//go:build unix

package up

import (
	"os"
	"syscall"
)

// Signals tells whether this system can pause processes, and ask them to end.
const Signals = true

func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
