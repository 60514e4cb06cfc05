package admission

import (
	"testing"
	"time"
)

// A request that steps aside takes no place from others. Afterwards it has its place
// again.
func TestRequestAsideHoldsNoPlace(t *testing.T) {
	l := New(Config{Most: 64, Target: time.Second})
	ctx := l.WithPlace(t.Context(), Normal)
	n := 0
	for l.Enter(Normal) == Admitted {
		n++
	}
	back := Aside(ctx)
	if v := l.Enter(Normal); v != Admitted {
		t.Fatalf("beside %d requests and one aside: verdict %d", n-1, v)
	}
	back()
	if got := l.InFlight(); got != n+1 {
		t.Errorf("%d in flight, want %d", got, n+1)
	}
	for range n + 1 {
		l.Leave(Normal)
	}
	if l.InFlight() != 0 || l.normal != 0 {
		t.Errorf("%d in flight, %d of them normal, are left", l.InFlight(), l.normal)
	}
	Aside(t.Context())()
}
