//go:build !windows

package process

import "syscall"

const errInUse = syscall.EADDRINUSE
