package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// Each sender's messages are stored once and in the order of sending, even if the store
// fails, loses answers, or settles only a part of a request.
func TestOrderHoldsWhateverTheRouteDoes(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), inBubble(func(t *testing.T) {
			w := start(t, func(c *Config) { c.Timeouts.Send = time.Hour })
			store := &lossyStore{random: rand.New(rand.NewPCG(seed, 0))}
			w.route.set(func(s *script) { s.send = store.send })
			const users, each = 6, 40
			for user := range int64(users) {
				p := w.login(t, user+1, 5)
				go func() {
					for i := range each {
						b, _ := proto.AppendFrame(nil, send(fmt.Sprint(i)))
						_, _ = p.conn.Write(b)
					}
				}()
			}
			time.Sleep(5 * time.Minute)
			store.mu.Lock()
			defer store.mu.Unlock()
			for user := range int64(users) {
				got := store.logs[user+1]
				for i, id := range got {
					if id != fmt.Sprint(i) {
						t.Fatalf("user %d has %v", user+1, got)
					}
				}
				if len(got) != each {
					t.Errorf("user %d has %d messages stored", user+1, len(got))
				}
			}
		}))
	}
}

// lossyStore keeps messages the way a route does. It looks a repeated message up first.
type lossyStore struct {
	mu     sync.Mutex
	random *rand.Rand
	logs   map[int64][]string
}

func (s *lossyStore) send(r *proto.SendRequest) (*proto.SendAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = make(map[int64][]string)
	}
	if s.random.IntN(4) == 0 {
		return nil, errAway // nothing was stored
	}
	answer := new(proto.SendAnswer)
	failed := make(map[int64]bool) // a route does not store what follows a failure
	for _, item := range r.Items {
		user := item.Session.User
		if failed[user] || s.random.IntN(10) == 0 {
			failed[user] = true
			answer.Items = append(answer.Items, &proto.SendResult{Code: int32(proto.Unavailable)})
			continue
		}
		if !item.Again || !slices.Contains(s.logs[user], item.Id) {
			s.logs[user] = append(s.logs[user], item.Id)
		}
		answer.Items = append(answer.Items, &proto.SendResult{})
	}
	if s.random.IntN(4) == 0 {
		return nil, errAway // all was stored, and nobody hears of it
	}
	return answer, nil
}

// accepted returns the answer that everything in the request was stored.
func accepted(r *proto.SendRequest) *proto.SendAnswer {
	answer := new(proto.SendAnswer)
	for range r.Items {
		answer.Items = append(answer.Items, new(proto.SendResult))
	}
	return answer
}
