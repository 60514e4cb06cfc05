package ws

import (
	"bytes"
	"fmt"
	"testing"
)

// The byte at i of a payload belongs to byte i mod 4 of the mask: RFC 6455, section 5.3.
func TestUnmaskGoesByTheBytesPlaceInThePayload(t *testing.T) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for size := range 40 {
		for offset := range 9 {
			got, want := make([]byte, size+1), make([]byte, size+1)
			for i := range size {
				got[i], want[i] = byte(i), byte(i)^mask[(offset+i)%4]
			}
			if Unmask(got[:size], mask, offset); !bytes.Equal(got, want) {
				t.Errorf("%d bytes at %d: % x, want % x", size, offset, got, want)
			}
		}
	}
}

func BenchmarkUnmask(b *testing.B) {
	for _, size := range []int{30, 300, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				Unmask(payload, [4]byte{1, 2, 3, 4}, 1)
			}
		})
	}
}
