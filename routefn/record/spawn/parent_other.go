//go:build !linux

package spawn

import "syscall"

// endWithParent does nothing: only Linux ends a child with its parent. A parent
// that crashes leaves the server behind.
func endWithParent() *syscall.SysProcAttr { return nil }
