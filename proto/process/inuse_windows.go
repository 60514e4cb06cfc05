package process

import "syscall"

// errInUse is WSAEADDRINUSE of winerror.h. No system call of Windows returns
// syscall.EADDRINUSE, which is a number that package syscall made up.
const errInUse = syscall.Errno(10048)
