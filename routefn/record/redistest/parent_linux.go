package redistest

import "syscall"

// endWithParent makes the kernel kill the child when the thread that started it ends
// for any reason.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
