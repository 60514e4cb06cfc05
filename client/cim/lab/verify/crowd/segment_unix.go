//go:build unix

package crowd

import "syscall"

// ethernet makes a connection use segments as on a real network. On loopback a segment has
// 64 KiB. With segments of that size, the kernel lets megabytes wait for a slow reader.
// Then no node would ever notice that the reader is slow.
func ethernet(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400) // if this fails, the test is only less strict
	})
}
