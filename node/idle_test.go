package node

import (
	"testing"
	"unsafe"
)

// Go's allocator has a size class of 224 bytes. A larger session takes the next one, for
// every connection.
func TestIdleSessionFitsInto224Bytes(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 224 {
		t.Errorf("a session takes %d bytes", n)
	}
}
