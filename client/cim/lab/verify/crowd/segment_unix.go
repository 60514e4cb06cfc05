//go:build unix

package crowd

import "syscall"

// ethernet makes a connection use segments as on a real network. On loopback one
// is 64 KiB, and with segments so large the kernel lets megabytes wait for a slow
// reader: no node would ever feel one.
func ethernet(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400) // the test is milder without it
	})
}
