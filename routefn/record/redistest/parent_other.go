//go:build !linux

package redistest

import "syscall"

// endWithParent does nothing, because only Linux ends a child with its parent. A parent
// that crashes leaves the server behind.
func endWithParent() *syscall.SysProcAttr { return nil }
