package record

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Logins, openings and closings may come in any order. A number always goes from issued
// to open to closed and never back, and a ticket displaces only the sessions that it
// may.
func TestNumbersNeverGoBack(t *testing.T) {
	users := 0
	each(t, Config{}, func(t *testing.T, s *Store) {
		rapid.Check(t, func(r *rapid.T) {
			users++
			user := register(t, s, fmt.Sprint("user", users))
			var issued []int64
			var live, closed int64
			pick := func(r *rapid.T) int64 {
				if len(issued) == 0 {
					r.Skip("nothing issued")
				}
				return rapid.SampledFrom(issued).Draw(r, "number")
			}
			r.Repeat(map[string]func(*rapid.T){
				"login": func(r *rapid.T) {
					next := issue(t, s, user, "phone")
					if len(issued) > 0 && next.Number <= issued[len(issued)-1] {
						r.Fatalf("%d was issued after %v", next.Number, issued)
					}
					issued = append(issued, next.Number)
				},
				"opened": func(r *rapid.T) {
					n := pick(r)
					displaces := rapid.SampledFrom([]int64{-1, 0, live, n - 1}).Draw(r, "displaces")
					var want error
					switch {
					case n <= closed || n < live:
						want = ErrSuperseded
					case live != 0 && n > live && displaces != -1 && displaces < live:
						want = ErrDisplacesOther
					case n > live:
						closed, live = max(closed, live), n
					}
					if o := open(t, s, user, "phone", "n1", n, displaces); !errors.Is(o.Err, want) {
						r.Fatalf("open %d displacing %d: %v, want %v", n, displaces, o.Err, want)
					}
				},
				"closed": func(r *rapid.T) {
					n := pick(r)
					closeSession(t, s, user, "phone", n)
					closed = max(closed, n)
					if live == n {
						live = 0
					}
				},
				"": func(r *rapid.T) {
					got, err := s.Sessions(t.Context(), user)
					if err != nil || live == 0 && len(got) != 0 || live != 0 && (len(got) != 1 || got[0].Number != live) {
						r.Fatalf("sessions are %+v, %v, want %d", got, err, live)
					}
				},
			})
		})
	})
}
