//go:build !unix

package crowd

import "syscall"

// ethernet does nothing on this system.
func ethernet(_, _ string, _ syscall.RawConn) error { return nil }
