package link

import (
	"testing"
	"unsafe"
)

// What is there for every connection is as large as a size class of Go's allocator;
// a field more would take the next one.
func TestIdleLinkTakes112Bytes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 && unsafe.Sizeof(Link{}) != 112 {
		t.Errorf("a link takes %d bytes", unsafe.Sizeof(Link{}))
	}
}
