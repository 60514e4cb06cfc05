//go:build !linux

package zktest

import "syscall"

// dieWithParent returns nil, because only Linux can end a child together with its
// parent.
func dieWithParent() *syscall.SysProcAttr { return nil }
