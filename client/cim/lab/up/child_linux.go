package up

import "syscall"

// childAttr makes a child die with us, whatever ends us.
//
// The kernel sends the signal when the thread that made the child ends. Go ends
// a thread only when a goroutine returns that is still locked to it, which
// nothing in this program may do.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
