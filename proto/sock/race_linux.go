//go:build race

package sock

import (
	"runtime"
	"unsafe"
)

// What one side did before it wrote happens before what the other does after it read:
// the race detector is told so, as it is by package syscall.
var passed byte

func willWrite(b []byte) {
	runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(b)), len(b))
	runtime.RaceReleaseMerge(unsafe.Pointer(&passed))
}

func didRead(b []byte) {
	if len(b) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(b)), len(b))
	}
	runtime.RaceAcquire(unsafe.Pointer(&passed))
}
