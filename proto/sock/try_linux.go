package sock

import (
	"syscall"
	"unsafe"
)

// TryRead reads once from a descriptor that never blocks, which is for the caller to
// see to: Go's scheduler is not told, and waits for as long as it takes. So b should be
// some tens of kilobytes at most. The race detector is told. Errors are those of package
// syscall, EAGAIN where nothing has come; no bytes and no error are the end.
func TryRead(fd int, b []byte) (int, error) {
	n, err := try(syscall.SYS_READ, fd, b)
	if err == nil {
		didRead(b[:n])
	}
	return n, err
}

// TryWrite writes once, as TryRead reads, and may write only the first part of b; EAGAIN
// is where nothing has room.
func TryWrite(fd int, b []byte) (int, error) {
	willWrite(b)
	return try(syscall.SYS_WRITE, fd, b)
}

// try makes a system call, again if a signal came between.
func try(trap uintptr, fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
