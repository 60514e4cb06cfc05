//go:build !linux

package up

import "syscall"

// childAttr returns nothing, because this system has no such attribute. If this process
// is killed, its children stay. If it stops, it ends them.
func childAttr() *syscall.SysProcAttr { return nil }
