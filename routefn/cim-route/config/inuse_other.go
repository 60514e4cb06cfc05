//go:build !windows

package config

import "syscall"

const errInUse = syscall.EADDRINUSE
