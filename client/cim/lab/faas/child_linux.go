package faas

import "syscall"

// childAttr makes an instance die with this process, whatever ends it. Otherwise a frozen
// instance would stay.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
