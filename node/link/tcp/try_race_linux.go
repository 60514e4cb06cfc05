//go:build race

package tcp

import "golang.org/x/sys/unix"

// The functions of package unix report reads and writes, and their order, to the race
// detector.
var readOnce, writeOnce = unix.Read, unix.Write
