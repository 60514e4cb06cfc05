package zktest

import "syscall"

// dieWithParent makes the kernel kill the child when this process has ended, for
// whatever reason.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
