//go:build !linux

package zktest

import "syscall"

// dieWithParent returns nothing: only Linux ends a child with its parent.
func dieWithParent() *syscall.SysProcAttr { return nil }
