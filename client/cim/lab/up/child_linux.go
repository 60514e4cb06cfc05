package up

import "syscall"

// childAttr makes a child die with this process, however this process ends.
//
// The kernel sends the signal when the thread that made the child ends. Go ends a thread
// only if a goroutine returns while it is locked to that thread. This must not happen in
// this program.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
