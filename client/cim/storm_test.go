package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// Storms: many who come back at once.

func long() bool { return os.Getenv("CIM_TEST_LONG") != "" }

// each runs f for 0 to n-1, at most so many at a time.
func each(n, at int, f func(i int)) {
	var all sync.WaitGroup
	room := make(chan struct{}, at)
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			f(i)
		})
	}
	all.Wait()
}

// Users with 250 groups each come back to a node at once. All get in, and the store does
// not work more for it than when they come one after the other.
func TestCrowdWithManyGroupsGetsIn(t *testing.T) {
	users, times := []int{100}, 1
	if long() {
		users, times = []int{1000, 10_000}, 3
	}
	spent := make([]time.Duration, len(users))
	for i, n := range users {
		url := realRedis(t)
		s := newSystem(t, plan{nodes: 1, store: url})
		c := newRegulars(t, s, url, n)
		alice := connect(t, []string{s.url}, "alice")
		alone, _, _ := c.comeBeside(alice, fewAtATime)
		storms := make([]time.Duration, times) // one may take a third more than the next
		for j := range storms {
			cpu, took, p99 := c.comeBeside(alice, n)
			storms[j] = cpu
			t.Logf("%d users of %d groups: %v of the store, %.2f times what they take %d at a time (%v), within %v; a sender's p99 %v",
				n, groupsEach, cpu, float64(cpu)/float64(alone), fewAtATime, alone, took, p99)
			if cpu > 4*alone {
				t.Error("the store worked more than four times as much")
			}
			if long() && p99 > time.Second {
				t.Error("a connected sender waited")
			}
		}
		slices.Sort(storms)
		spent[i] = storms[times/2]
	}
	if long() {
		t.Logf("ten times as many took the store %.1f times as long, by the medians", float64(spent[1])/float64(spent[0]))
		if spent[1] > 11*spent[0] {
			t.Error("that is more than 11 times")
		}
	}
}

const fewAtATime = 4

// comeBeside connects all users to a new node, some at a time, while alice sends
// messages. It returns the store's work for the users alone, the time it took, and
// alice's p99.
func (c *regulars) comeBeside(alice *client.Client, at int) (cpu, took, p99 time.Duration) {
	c.t.Helper()
	c.moves()
	const some = 100
	before := c.cpu()
	for i := range some {
		if _, err := alice.Send(c.t.Context(), alice.Self().User, strconv.Itoa(i)); err != nil {
			c.t.Error(err)
		}
	}
	message := (c.cpu() - before) / some
	talk := talkBeside(c.t, alice)
	cpu, took = c.comes(at)
	p99, sent := talk()
	return cpu - time.Duration(sent)*message, took, p99
}

// talkBeside has a connected user send a message every 20 ms until the returned
// function is called. That function returns the longest wait of the senders but for one
// of a hundred, and the number of messages.
func talkBeside(t *testing.T, alice *client.Client) (p99 func() (p99 time.Duration, sent int)) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- took
				return
			case <-time.After(20 * time.Millisecond):
			}
			begun := time.Now()
			if _, err := alice.Send(t.Context(), alice.Self().User, strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
			took = append(took, time.Since(begun))
		}
	}()
	return func() (time.Duration, int) {
		close(stop)
		took := <-done
		slices.Sort(took)
		return took[len(took)*99/100], len(took)
	}
}

// refusals counts how often logins were told to come again.
type refusals struct{ n atomic.Int64 }

func (r *refusals) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err == nil && q.URL.Path == proto.PathLogin && answer.StatusCode == http.StatusTooManyRequests {
		r.n.Add(1)
	}
	return answer, err
}

// Clients for whom 5,000 messages wait each come back at once, to a store that does 200
// operations a second. Logins are before all that there is to read: all are connected as
// soon as the store can do that, and each is told to come again twice at most.
func TestCrowdWithABacklogConnectsToASlowStore(t *testing.T) {
	users, waiting := 20, 500
	if long() {
		users, waiting = 2000, 5000
	}
	const perSecond = 200
	b := newBehind(t, users, waiting)
	b.slow.each.Store(int64(time.Second / perSecond))
	b.connect(nil)
	t.Logf("%d clients with %d messages each and a store of %d operations a second: %v", users, waiting, perSecond, b)
	b.wantFew()
	if long() && b.took[users-1] > time.Minute {
		t.Error("it took more than a minute")
	}
}

// The store becomes slow when half are connected: reports are as large as it could do
// before, and many have just logged in.
func TestCrowdConnectsToAStoreThatBecomesSlow(t *testing.T) {
	users, waiting, perSecond := 200, 10, 200
	if long() {
		users, waiting, perSecond = 2000, 1000, 100
	}
	b := newBehind(t, users, waiting)
	b.connect(func(connected int) {
		if connected == users/2 {
			b.slow.each.Store(int64(time.Second) / int64(perSecond))
		}
	})
	t.Logf("%d clients with %d messages each and a store of %d operations a second since half are connected: %v", users, waiting, perSecond, b)
	b.wantFew()
}

// behind is users who have not read what waits for them.
type behind struct {
	t    *testing.T
	s    *system
	slow *slowStore // the way of the system to its store
	told []refusals
	took []time.Duration // until each was connected, shortest first
	ops  float64         // of the store, for each
}

func newBehind(t *testing.T, users, waiting int) *behind {
	t.Helper()
	redis := realRedis(t)
	b := &behind{t: t, told: make([]refusals, users), took: make([]time.Duration, users)}
	var url string
	b.slow, url = newSlowStore(t, redis)
	b.s = newSystem(t, plan{nodes: 1, store: url})
	backlog(t, b.s, redis, users, waiting)
	return b
}

// connect connects all at once and calls f, unless it is nil, with how many are.
func (b *behind) connect(f func(connected int)) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Minute)
	defer cancel()
	before, begun := b.slow.done.Load(), time.Now()
	clients := make([]*client.Client, len(b.told))
	var connected atomic.Int64
	each(len(clients), len(clients), func(i int) {
		c, err := client.Connect(ctx, client.Config{
			Routes: []string{b.s.url}, Name: fmt.Sprint("user", i), Device: "phone", HTTP: &http.Client{Transport: &b.told[i]},
		})
		if err != nil {
			b.t.Errorf("user %d: %v", i, err)
			return
		}
		clients[i], b.took[i] = c, time.Since(begun)
		if n := int(connected.Add(1)); f != nil {
			f(n)
		}
	})
	b.ops = float64(b.slow.done.Load()-before) / float64(len(clients))
	b.slow.each.Store(0)
	for _, c := range clients {
		if c != nil {
			c.Close()
		}
	}
	slices.Sort(b.took)
}

// most is how often somebody was told to come again.
func (b *behind) most() (most int64) {
	for i := range b.told {
		most = max(most, b.told[i].n.Load())
	}
	return most
}

func (b *behind) wantFew() {
	b.t.Helper()
	if b.most() > 2 {
		b.t.Error("somebody was told to come again more than twice")
	}
}

func (b *behind) String() string {
	return fmt.Sprintf("half are connected after %v, all after %v, with %.1f operations each; told to come again %d times at most",
		b.took[len(b.took)/2], b.took[len(b.took)-1], b.ops, b.most())
}

// backlog registers users, each of whom has a phone that has read nothing yet of so many
// messages.
func backlog(t *testing.T, s *system, url string, users, messages int) {
	t.Helper()
	store := dialStore(t, url)
	ids := make([]int64, users)
	for i := range users {
		a, _, err := s.store.Register(t.Context(), fmt.Sprint("user", i), "")
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = a.User
	}
	inbox := func(user int64, key string) string { return fmt.Sprintf("cim:{%d}:%s", user, key) }
	for begun := 0; begun < messages; begun += 500 {
		list := make([]record.Message, min(500, messages-begun))
		for i := range list {
			list[i] = record.Message{From: ids[1], To: ids[0], ID: strconv.Itoa(begun + i), Text: "while you were away"}
		}
		for _, a := range s.store.Append(t.Context(), list) {
			if a.Err != nil {
				t.Fatal(a.Err)
			}
		}
	}
	for i, user := range ids { // the sender's own log, too
		if i == 0 {
			continue
		}
		for _, key := range []string{"l", "h"} {
			store.queue("copy", inbox(ids[0], key), inbox(user, key), "replace")
		}
	}
	store.flush()
}
