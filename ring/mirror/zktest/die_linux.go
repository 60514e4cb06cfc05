package zktest

import "syscall"

// dieWithParent has the kernel end the child when this process is gone, however
// it went.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
