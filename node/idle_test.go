package node

import (
	"testing"
	"unsafe"
)

// What is there for every connection is as large as a size class of Go's allocator;
// a field more would take the next one.
func TestIdleSessionTakes224Bytes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 && unsafe.Sizeof(session{}) != 224 {
		t.Errorf("a session takes %d bytes", unsafe.Sizeof(session{}))
	}
}
