package faas

import "syscall"

// childAttr makes an instance die with us, whatever ends us: a frozen one would
// not end by itself.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
