package link

import (
	"testing"
	"unsafe"
)

// The struct that each connection needs is as large as a size class of Go's allocator.
// With one more field it would take the next larger class.
func TestIdleLinkTakes112Bytes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 && unsafe.Sizeof(Link{}) != 112 {
		t.Errorf("a link takes %d bytes", unsafe.Sizeof(Link{}))
	}
}
