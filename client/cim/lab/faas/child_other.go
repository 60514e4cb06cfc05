//go:build !linux

package faas

import "syscall"

// childAttr has nothing to ask for: here instances outlive a parent that is
// killed, and end with one that stops.
func childAttr() *syscall.SysProcAttr { return nil }
