package process

import "syscall"

// errInUse is WSAEADDRINUSE of winerror.h. On Windows, no system call returns
// syscall.EADDRINUSE, which is a number that only package syscall uses.
const errInUse = syscall.Errno(10048)
