package config

import "syscall"

// errInUse is WSAEADDRINUSE of winerror.h: what syscall calls EADDRINUSE no call
// returns on Windows.
const errInUse = syscall.Errno(10048)
