package process

import "syscall"

// errInUse is WSAEADDRINUSE of winerror.h. No system call of Windows returns
// syscall.EADDRINUSE, because package syscall has invented that number.
const errInUse = syscall.Errno(10048)
