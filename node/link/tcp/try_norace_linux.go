//go:build !race

package tcp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func readOnce(fd int, b []byte) (int, error)  { return raw(unix.SYS_READ, fd, b) }
func writeOnce(fd int, b []byte) (int, error) { return raw(unix.SYS_WRITE, fd, b) }

func raw(trap uintptr, fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
