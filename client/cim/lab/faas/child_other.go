//go:build !linux

package faas

import "syscall"

// childAttr returns nothing, because this system has no such attribute. If this process is
// killed, its instances stay. If it stops in order, it ends its instances.
func childAttr() *syscall.SysProcAttr { return nil }
