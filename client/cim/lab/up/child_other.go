//go:build !linux

package up

import "syscall"

// childAttr has nothing to ask for: here children outlive a parent that is
// killed, and end with one that stops.
func childAttr() *syscall.SysProcAttr { return nil }
