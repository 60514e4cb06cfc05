//go:build !linux

package up

import "syscall"

// childAttr returns nothing, because this system has no such attribute. If this process is
// killed, its children stay. If it stops in order, it ends its children.
func childAttr() *syscall.SysProcAttr { return nil }
