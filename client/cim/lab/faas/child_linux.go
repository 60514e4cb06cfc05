package faas

import "syscall"

// childAttr makes an instance die with this process, however this process ends. If it did
// not, a frozen instance would stay.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
