package forward

import (
	"fmt"
	"testing"
)

func TestUsedIDsAreBoundedAndOneUsers(t *testing.T) {
	var u usedIDs
	if u.add(1, "a") || !u.add(1, "a") || u.add(2, "a") {
		t.Error("an id is known of the user who gave it, and of nobody else")
	}
	for i := range 3 * idsKept {
		u.add(3, fmt.Sprint(i))
	}
	if n := len(u.young) + len(u.old); n > 2*idsKept || u.add(1, "a") || !u.add(3, fmt.Sprint(3*idsKept-idsKept)) {
		t.Errorf("%d are kept, want the last %d to %d", n, idsKept, 2*idsKept)
	}
}

func BenchmarkUsedIDs(b *testing.B) {
	var u usedIDs
	ids := make([]string, 1<<20)
	for i := range ids {
		ids[i] = fmt.Sprintf("%026d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		u.add(1, ids[i%len(ids)])
	}
}
