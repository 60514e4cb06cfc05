package admission

import "testing"

func TestOneUserHasAnEighthOfTheLimit(t *testing.T) {
	for limit, want := range map[int]int{32: smallestShare, 128: 16, 3584: 448} {
		var s Share
		n := 0
		for s.Enter(1, limit) {
			n++
		}
		if n != want {
			t.Errorf("of %d places one user has %d, want %d", limit, n, want)
		}
		if !s.Enter(2, limit) {
			t.Error("another user has none")
		}
		s.Leave(1)
		if !s.Enter(1, limit) || s.Enter(1, limit) {
			t.Error("one request left, and not exactly one more was admitted")
		}
		for range want {
			s.Leave(1)
		}
		s.Leave(2)
		if len(s.users) != 0 {
			t.Errorf("all have left, and %d users are remembered", len(s.users))
		}
	}
}

func TestShareWithoutALimit(t *testing.T) {
	var s Share
	for range 10_000 {
		if !s.Enter(1, -1) {
			t.Fatal("refused")
		}
	}
}
