package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func stranger(address string, level int) claim {
	return claim{party: party{name: address}, level: level}
}
func owner(account string) claim { return claim{party: party{known: true, name: account}} }

// line queues passwords, in this order, while another one is hashed. It returns their
// names in the order in which they get their turns.
func line(t *testing.T, claims ...claim) string {
	var order []string
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(1)
		first := stranger("busy", 0)
		if err := q.enter(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		for _, c := range claims {
			go func() {
				if err := q.enter(t.Context(), c); err != nil {
					t.Errorf("%+v: %v", c, err)
				}
				order = append(order, c.name) // one goroutine at a time
				q.leave(c)
				done <- struct{}{}
			}()
			synctest.Wait()
		}
		q.leave(first)
		for range claims {
			<-done
		}
		if q.running != 0 || q.waiting() != 0 || len(q.present) != 0 {
			t.Errorf("left: %d running, %d waiting, %d present", q.running, q.waiting(), len(q.present))
		}
	})
	return strings.Join(order, " ")
}

func TestTurnsAreFair(t *testing.T) {
	for name, c := range map[string]struct {
		claims []claim
		want   string
	}{
		"first come":             {[]claim{stranger("a", 0), stranger("b", 0), stranger("c", 0)}, "a b c"},
		"one of each address":    {[]claim{stranger("a", 0), stranger("a", 0), stranger("a", 0), stranger("b", 0)}, "a b a a"},
		"guessers last":          {[]claim{stranger("a", 7), stranger("b", 3), stranger("c", 0)}, "c b a"},
		"known before strangers": {[]claim{stranger("a", 0), stranger("b", 0), owner("alice")}, "alice a b"},
		"one of each account":    {[]claim{owner("bob"), owner("bob"), owner("alice")}, "bob alice bob"},
		"a stranger after three": {[]claim{stranger("a", 0), owner("b"), owner("c"), owner("d"), owner("e"), owner("f")}, "b c d a e f"},
		"names are no addresses": {[]claim{owner("x"), stranger("x", 0), owner("x")}, "x x x"},
		"lanes beyond the cores": {[]claim{{party: party{name: "a"}, cores: 16}, stranger("b", 0)}, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := line(t, c.claims...); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A flood of passwords fills a lane. Addresses with few passwords still get their
// turns.
func TestFullLaneRefusesTheWorst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(1)
		if err := q.enter(t.Context(), stranger("busy", 0)); err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, mostWaiting+1)
		for range mostWaiting {
			go func() { refused <- q.enter(t.Context(), stranger("flood", 0)) }()
		}
		synctest.Wait()
		got := make(chan error, 1)
		go func() { got <- q.enter(t.Context(), stranger("quiet", 0)) }()
		synctest.Wait()
		if err := <-refused; !errors.Is(err, errNoTurn) || q.waiting() != mostWaiting {
			t.Errorf("%v, and %d wait", err, q.waiting())
		}
		q.leave(stranger("busy", 0)) // the first password of the flood came before
		synctest.Wait()
		q.leave(stranger("flood", 0))
		synctest.Wait()
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the quiet address has no turn after two")
		}
		time.Sleep(hashPatience)
		synctest.Wait()
		if q.waiting() != 0 {
			t.Errorf("%d wait for longer than %v", q.waiting(), hashPatience)
		}
	})
}

// After a wrong password from a strange address, known addresses get turns at once, and
// strange ones as late as the rest says.
func TestStrangeAddressesRestAfterAWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(1)
		wrong := stranger("guesser", 0)
		if err := q.enter(t.Context(), wrong); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		after := make(map[string]time.Duration)
		done := make(chan struct{})
		for _, c := range []claim{stranger("quiet", 0), owner("alice"), owner("bob"), owner("carol"), owner("dave")} {
			go func() {
				if err := q.enter(t.Context(), c); err != nil {
					t.Error(err)
				}
				after[c.name] = time.Since(begun) // one goroutine at a time
				q.leave(c)
				done <- struct{}{}
			}()
			synctest.Wait()
		}
		q.leave(wrong)
		q.rest(t.Context(), wrong, 100*time.Millisecond)
		for range 5 {
			<-done
		}
		for name, took := range after {
			if want := map[bool]time.Duration{true: 300 * time.Millisecond}[name == "quiet"]; took != want {
				t.Errorf("%s had its turn after %v, want %v", name, took, want)
			}
		}
		if q.resting != 0 {
			t.Errorf("%d cores still rest", q.resting)
		}
	})
}

// For any order of coming, leaving and giving up, no more cores are in use than there
// are, and nothing is left at the end.
func TestTurnsKeepCount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		cores := rapid.IntRange(1, 3).Draw(r, "cores")
		q := newTurns(cores)
		var all []*waiter
		for range rapid.IntRange(1, 80).Draw(r, "steps") {
			if len(all) > 0 && rapid.IntRange(0, 2).Draw(r, "step") == 0 {
				i := rapid.IntRange(0, len(all)-1).Draw(r, "which")
				end(q, all[i])
				all = slices.Delete(all, i, i+1)
			} else {
				c := claim{party: party{known: rapid.Bool().Draw(r, "known"), name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "who")},
					level: rapid.IntRange(0, 3).Draw(r, "level"), cores: rapid.IntRange(0, 4).Draw(r, "cores")}
				all = append(all, q.queue(c))
			}
			if q.running > cores {
				r.Fatalf("%d of %d cores", q.running, cores)
			}
			if q.running == 0 && q.waiting() > 0 {
				r.Fatal("all wait for nobody")
			}
		}
		for _, w := range all {
			end(q, w)
		}
		if q.running != 0 || q.waiting() != 0 || len(q.present) != 0 {
			r.Fatalf("left: %d running, %d waiting, %d present", q.running, q.waiting(), len(q.present))
		}
	})
}

// end gives up a wait. If the password has got its turn, it ends the turn.
func end(q *turns, w *waiter) {
	if q.abandon(w, context.Canceled) == nil {
		q.leave(w.claim)
	}
}
