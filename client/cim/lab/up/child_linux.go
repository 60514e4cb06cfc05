package up

import "syscall"

// childAttr makes a child die with this process, whatever ends it.
//
// The kernel sends the signal when the thread that made the child ends. Go ends a thread
// only when a goroutine returns that is still locked to it, which must not happen in this
// program.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
