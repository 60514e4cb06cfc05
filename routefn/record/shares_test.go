package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
)

// In every order of sending, reading and trimming, one Store accepts what the shares
// allow and no more, and nothing that waits is lost.
func TestInboxKeepsItsShares(t *testing.T) {
	const count = 20
	p := limit.PlacesOf(count)
	crowds := 0
	each(t, bounded(count), func(t *testing.T, s *Store) {
		rapid.Check(t, func(r *rapid.T) {
			crowds++
			bob := register(t, s, fmt.Sprint("bob", crowds))
			users := make([]int64, 14)
			for i := range users {
				users[i] = register(t, s, fmt.Sprintf("user%d-%d", crowds, i))
			}
			phone := login(t, s, bob, "phone", "n1", 0)
			var waiting []string // keys
			at := map[string]int64{}
			contacts := map[int64]bool{}
			sent := 0
			place := func() (base, newest int64) {
				pulled, err := s.Pull(t.Context(), bob, proto.Position{}, 1)
				if err != nil {
					r.Fatal(err)
				}
				return pulled.Oldest - 1, pulled.Newest.Number
			}
			var read int64
			r.Repeat(map[string]func(*rapid.T){
				"": func(r *rapid.T) {
					kept := inbox(t, s, bob)
					for _, key := range waiting {
						if !slices.Contains(kept, key) {
							r.Fatalf("%s waits and is gone; %d messages are left", key, len(kept))
						}
					}
				},
				"write": func(r *rapid.T) {
					from := rapid.SampledFrom(users).Draw(r, "from")
					base, newest := place()
					mine, strangers := 0, 0
					for _, key := range waiting {
						user, _, _ := proto.ParseKey(key)
						if user == from {
							mine++
						}
						if !contacts[user] {
							strangers++
						}
					}
					full := newest-max(base, read) >= int64(p.Sender) &&
						(len(waiting) >= p.All || mine >= p.Sender || !contacts[from] && strangers >= p.Strangers)
					sent++
					m := private(from, bob, fmt.Sprint(sent))
					m.Again = rapid.Bool().Draw(r, "again")
					a := s.Append(t.Context(), []Message{m})[0]
					if full != errors.Is(a.Err, ErrInboxFull) || full == (a.Err == nil) {
						r.Fatalf("%v, want full %v: %d wait, %d of this sender, %d of strangers", a.Err, full, len(waiting), mine, strangers)
					}
					if a.Err == nil {
						waiting = append(waiting, m.key())
						at[m.key()] = a.Copies[0].Stored.At.Number
					}
				},
				"answer": func(r *rapid.T) {
					to := rapid.SampledFrom(users).Draw(r, "to")
					sent++
					switch err := s.Append(t.Context(), []Message{private(bob, to, fmt.Sprint(sent))})[0].Err; {
					case err == nil:
						contacts[to] = true
					case !errors.Is(err, ErrInboxFull) && !errors.Is(err, ErrOwnInboxFull):
						r.Fatal(err)
					default:
						contacts[to] = true // the meeting is remembered all the same
					}
				},
				"read": func(r *rapid.T) {
					base, newest := place()
					to := proto.Position{Number: rapid.Int64Range(base+1, newest).Draw(r, "number"), Epoch: end(t, s, bob).Epoch}
					if rapid.Bool().Draw(r, "pull") {
						if _, err := s.Fetch(t.Context(), bob, to, 1); err != nil {
							r.Fatal(err)
						}
					} else {
						ack(t, s, bob, "phone", phone.Number, to)
					}
					read = max(read, to.Number)
					waiting = slices.DeleteFunc(waiting, func(key string) bool { return at[key] <= read })
				},
				"trim": func(*rapid.T) { s.trim(t.Context(), []logref.Ref{{User: bob}}) },
			})
		})
	})
}
