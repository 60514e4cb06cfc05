//go:build race

package link

import "golang.org/x/sys/unix"

// Package unix reports reads and writes, and their order, to the race detector.
var readOnce, writeOnce = unix.Read, unix.Write
