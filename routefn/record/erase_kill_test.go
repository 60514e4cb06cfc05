package record

import (
	"errors"
	"testing"

	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// A process that erases an account may die at any point. If the account was condemned, the
// job is in the queue, and another process ends the erasure. Otherwise nothing has happened.
func TestErasureGoesOnAfterAKill(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL()})
	condemned := 0
	for n, whole := 0, false; !whole; n++ {
		flush(t, s)
		around := newNeighbourhood(t, s)
		p := newProxy(t, storetest.Server.Addr())
		dying := dial(t, Config{URL: "redis://" + p.listener.Addr().String()})
		if _, err := dying.Time(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.killAfter(n/2, n%2 == 1)
		whole = eraseUntilKilled(t, dying, s, around.alice.User)
		switch _, err := s.AccountByID(t.Context(), around.alice.User); {
		case errors.Is(err, ErrErased):
			condemned++
		case err != nil:
			t.Fatalf("kill %d: %v", n, err)
		default:
			if _, err := s.EraseAccount(t.Context(), around.alice.User); err != nil {
				t.Fatalf("kill %d: %v", n, err)
			}
		}
		if _, waits := erasureOf(t, s, around.alice.User); !waits && !whole {
			t.Fatalf("kill %d: no job waits", n)
		} else if waits {
			finishErasure(t, s, around.alice.User)
		}
		if around.gone(t, s); t.Failed() {
			t.Fatalf("kill %d", n)
		}
	}
	if condemned < 16 {
		t.Errorf("only %d kills came after the account was condemned", condemned)
	}
}

// eraseUntilKilled erases an account by a Store that dies, and returns true if it did not
// die before the end. The job is read by the other Store.
func eraseUntilKilled(t *testing.T, dying, s *Store, user int64) bool {
	t.Helper()
	if _, err := dying.EraseAccount(t.Context(), user); err != nil {
		return false
	}
	j, waits := erasureOf(t, s, user)
	if !waits {
		t.Fatal("no job waits")
	}
	e, _, done := dying.Erase(t.Context(), j)
	return e.Verdict == queue.Done && done == user
}
