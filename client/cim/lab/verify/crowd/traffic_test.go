package crowd

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// The seed and the place alone decide what a device sends; no text comes twice,
// and nobody writes to themselves.
func TestSameSeedSendsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		users := rapid.IntRange(2, 200).Draw(t, "users")
		user := rapid.IntRange(0, users-1).Draw(t, "user")
		a, b := newOrders(seed, user, user, users, 1), newOrders(seed, user, user, users, 1)
		other := newOrders(seed+1, user, user, users, 1)
		for _, o := range []*orders{a, b, other} {
			o.meet(drawCircles(seed, users), true)
		}
		seen := make(map[string]bool)
		same := true
		for range 50 {
			x, y, z := a.next(), b.next(), other.next()
			if fmt.Sprint(x) != fmt.Sprint(y) {
				t.Fatalf("%v and %v", x, y)
			}
			same = same && fmt.Sprint(x) == fmt.Sprint(z)
			if x.peer == user || x.peer >= users {
				t.Fatalf("user %d of %d writes to %d", user, users, x.peer)
			}
			for _, text := range x.texts {
				if seen[text] {
					t.Fatalf("%q comes twice", text)
				}
				seen[text] = true
			}
		}
		if same {
			t.Error("another seed sends the same")
		}
	})
}
