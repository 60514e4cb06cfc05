package spawn

import "syscall"

// endWithParent has the kernel end the child when the thread that started it
// ends, however it does.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
