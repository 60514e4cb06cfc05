package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func take(t testing.TB, s *Store, user int64, holder string) []Delayed {
	t.Helper()
	list, err := s.Take(t.Context(), int(delayed.ShardOf(user).Shard), holder, 0, 100)
	if err != nil {
		t.Fatalf("%s takes: %v", holder, err)
	}
	return list
}

// appendAll appends taken messages, as a route does.
func appendAll(t testing.TB, s *Store, list []Delayed) {
	t.Helper()
	messages := make([]Message, len(list))
	for i, d := range list {
		messages[i] = d.Message
	}
	stored(t, s, messages...)
}

func finish(t testing.TB, s *Store, list []Delayed, code proto.Code) {
	t.Helper()
	finishings := make([]Finishing, len(list))
	for i, d := range list {
		finishings[i] = Finishing{d, code}
	}
	for _, err := range s.Finish(t.Context(), finishings) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fire takes the due messages of a user's shard, appends them and finishes them.
func fire(t testing.TB, s *Store, user int64, holder string) []Delayed {
	t.Helper()
	list := take(t, s, user, holder)
	appendAll(t, s, list)
	finish(t, s, list, proto.OK)
	return list
}

// runFor makes the lease of a user's shard end after the duration rest.
func runFor(t testing.TB, s *Store, user int64, rest time.Duration) {
	t.Helper()
	key := delayed.ShardOf(user).Key("lease")
	o := op.Write(key, []any{"pexpire", key, rest.Milliseconds()})
	s.Run(t.Context(), "take", o)
	if o.Err != nil || op.Integer(o.Reply[0]) != 1 {
		t.Fatalf("there is no lease to run out: %v, %v", o.Reply, o.Err)
	}
}

// die makes the lease of a user's shard end now.
func die(t testing.TB, s *Store, user int64) {
	t.Helper()
	runFor(t, s, user, time.Millisecond)
	key := delayed.ShardOf(user).Key("lease")
	for there := true; there; {
		look := op.Read(key, []any{"exists", key})
		s.Run(t.Context(), "take", look)
		if look.Err != nil {
			t.Fatal(look.Err)
		}
		there = op.Integer(look.Reply[0]) == 1
	}
}

func TestDueMessageIsFiredOnceWithItsIDAndThenForgotten(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		a := scheduled(t, s, soon(alice, bob, "1"), later(alice, bob, "2"))
		if a[0].State != proto.StatePending || a[1].Due-a[0].Due < time.Hour.Milliseconds() {
			t.Fatalf("scheduled %+v", a)
		}
		due, next, err := s.Shards(t.Context())
		if err != nil || len(due) != 1 || due[0] != int(delayed.ShardOf(alice).Shard) || next >= 0 {
			t.Fatalf("due are %v, next in %v, %v", due, next, err)
		}
		list := fire(t, s, alice, "n1")
		wantIDs(t, list, "1")
		d := list[0]
		if d.Text != "text of 1" || d.FromName != "alice" || d.To != bob || d.Due != a[0].Due || d.Time < d.Due-1000 || d.Late < 0 || d.Late > time.Minute {
			t.Fatalf("taken is %+v", d)
		}
		wantIDs(t, fire(t, s, alice, "n1"))
		wantKeys(t, inbox(t, s, bob), key(alice, 1))
		wantKeys(t, inbox(t, s, alice), key(alice, 1))
		due, next, err = s.Shards(t.Context())
		if err != nil || len(due) != 0 || next < 59*time.Minute || next > time.Hour {
			t.Fatalf("due are %v, next in %v, %v", due, next, err)
		}
		if err := s.Cancel(t.Context(), alice, "2"); err != nil {
			t.Fatal(err)
		}
		r := delayed.ShardOf(alice)
		o := op.Read(r.Due(), []any{"exists", r.Due(), r.Messages(), r.Key("lease"), r.Pending(alice)})
		if s.Run(t.Context(), "due", o); o.Err != nil || op.Integer(o.Reply[0]) != 0 {
			t.Fatalf("%d keys are left, %v", op.Integer(o.Reply[0]), o.Err)
		}
	})
}

// A user cancels a message while a route fires it. The answer is right, whichever came
// first.
func TestCancelAgainstFire(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		const n = 20
		for i := range n {
			scheduled(t, s, soon(alice, bob, fmt.Sprint(i)))
		}
		cancelled := make(chan []string)
		go func() {
			var list []string
			for i := n - 1; i >= 0; i-- {
				if s.Cancel(t.Context(), alice, fmt.Sprint(i)) == nil {
					list = append(list, key(alice, i))
				}
			}
			cancelled <- list
		}()
		var fired []string
		for {
			list, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n1", 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			appendAll(t, s, list)
			finish(t, s, list, proto.OK)
			fired = append(fired, list[0].key)
		}
		took := <-cancelled
		wantKeys(t, inbox(t, s, bob), fired...)
		if len(took)+len(fired) != n {
			t.Fatalf("cancelled %v and fired %v, want each of %d in one", took, fired, n)
		}
		for _, k := range took {
			if slices.Contains(fired, k) {
				t.Errorf("%s was cancelled and fired", k)
			}
		}
	})
}

// In each row, a route dies at another step of firing. When the lease has run out,
// another route takes the rest, in order. Each log has each message once.
func TestDeathInTheMiddleOfFiring(t *testing.T) {
	for name, until := range map[string]func(*testing.T, *Store, []Delayed){
		"after taking": func(*testing.T, *Store, []Delayed) {},
		"after the receiver's copy": func(t *testing.T, s *Store, list []Delayed) {
			s.store(t.Context(), nil, batchesOf([]*draft{newDraft(&list[0].Message, 0)}, receiverCopy))
		},
		"after appending one": func(t *testing.T, s *Store, list []Delayed) { appendAll(t, s, list[:1]) },
		"before removing":     func(t *testing.T, s *Store, list []Delayed) { appendAll(t, s, list) },
		"after removing one": func(t *testing.T, s *Store, list []Delayed) {
			appendAll(t, s, list)
			finish(t, s, list[:1], proto.OK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{}, func(t *testing.T, s *Store) {
				alice, bob := register(t, s, "alice"), register(t, s, "bob")
				scheduled(t, s, soon(alice, bob, "1"), soon(alice, bob, "2"))
				first := take(t, s, alice, "dead")
				wantIDs(t, first, "1", "2")
				until(t, s, first)
				scheduled(t, s, soon(alice, bob, "3"))

				if list, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n2", 0, 100); !errors.Is(err, ErrHeld) {
					t.Fatalf("n2 took %v, %v while another held the shard", ids(list), err)
				}
				die(t, s, alice)
				for _, d := range fire(t, s, alice, "n2") {
					if i := slices.Index(ids(first), d.ID); i >= 0 && d.Time != first[i].Time {
						t.Errorf("%s has the time %d at the second try and %d at the first", d.ID, d.Time, first[i].Time)
					}
				}
				wantIDs(t, take(t, s, alice, "n2"))
				wantKeys(t, inbox(t, s, bob), key(alice, 1), key(alice, 2), key(alice, 3))
				wantKeys(t, inbox(t, s, alice), key(alice, 1), key(alice, 2), key(alice, 3))
			})
		})
	}
}

// A paused route goes on after another one has done its work.
func TestTwoWhoFireAtOnceLeaveOneEntry(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "1"), soon(alice, bob, "2"))
		paused := take(t, s, alice, "paused")
		die(t, s, alice)
		other := take(t, s, alice, "other")
		appendAll(t, s, paused[:1])
		appendAll(t, s, other)
		finish(t, s, other, proto.OK)
		appendAll(t, s, paused)
		finish(t, s, paused, proto.OK)
		wantKeys(t, inbox(t, s, bob), key(alice, 1), key(alice, 2))
		wantKeys(t, inbox(t, s, alice), key(alice, 1), key(alice, 2))
		if err := s.Release(t.Context(), int(delayed.ShardOf(alice).Shard), "paused"); !errors.Is(err, ErrHeld) {
			t.Errorf("one gave back the lease of another: %v", err)
		}
	})
}

// The store's clock is half an hour ahead when a route takes a shard and dies. Then the
// clock jumps back. The lease now lasts longer than any lease may, so no route waits
// for its end.
func TestLeaseByAClockThatJumpedBackHoldsNobodyUp(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "1"))
		wantIDs(t, take(t, s, alice, "dead"), "1")
		runFor(t, s, alice, 30*time.Minute)
		wantIDs(t, take(t, s, alice, "n2"), "1")
		if list, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n3", 0, 100); !errors.Is(err, ErrHeld) {
			t.Fatalf("n3 took %v, %v while another held the shard", ids(list), err)
		}
	})
}

func TestReleasedShardIsTakenAtOnce(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "1"), soon(alice, bob, "2"))
		wantIDs(t, take(t, s, alice, "n1"), "1", "2")
		rest, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n1", 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, rest, "2")
		if err := s.Release(t.Context(), int(delayed.ShardOf(alice).Shard), "n1"); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, fire(t, s, alice, "n2"), "1", "2")
	})
}

// After a failover, the message is as it was before it was taken, or before it was
// removed. It is fired again, and found in its logs.
func TestFailoverThatForgetsFiringFiresOnce(t *testing.T) {
	for name, forgotten := range map[string]string{"that it was taken": "take", "that it was removed": "finish"} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{}, func(t *testing.T, s *Store) {
				alice, bob := register(t, s, "alice"), register(t, s, "bob")
				scheduled(t, s, soon(alice, bob, "1"))
				restore := remember(t, s, alice)
				list := take(t, s, alice, "n1")
				if forgotten == "finish" {
					restore = remember(t, s, alice)
				}
				appendAll(t, s, list)
				finish(t, s, list, proto.OK)
				stored(t, s, private(bob, alice, "between"))
				restore()
				wantIDs(t, fire(t, s, alice, "n1"), "1")
				wantKeys(t, inbox(t, s, bob), key(alice, 1), proto.Key(bob, "between"))
			})
		})
	}
}

// remember returns a function that brings the shard of a user back to its present
// state.
func remember(t *testing.T, s *Store, user int64) func() {
	t.Helper()
	r := delayed.ShardOf(user)
	client := func() *redis.Client {
		c, err := s.Topology.Master(t.Context(), r.Due())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, ctx := client(), t.Context()
	due := c.ZRangeWithScores(ctx, r.Due(), 0, -1).Val()
	pending := c.ZRangeWithScores(ctx, r.Pending(user), 0, -1).Val()
	messages := c.HGetAll(ctx, r.Messages()).Val()
	lease := c.Get(ctx, r.Key("lease")).Val()
	return func() {
		c := client()
		_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, r.Due(), r.Pending(user), r.Messages(), r.Key("lease"), r.Outcomes(user))
			p.ZAdd(ctx, r.Due(), due...)
			p.ZAdd(ctx, r.Pending(user), pending...)
			p.HSet(ctx, r.Messages(), messages)
			if lease != "" {
				p.Set(ctx, r.Key("lease"), lease, 10*time.Second)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A message that cannot be decoded any more is returned with its key alone and is
// refused. It does not block the messages behind it.
func TestUnreadableDelayedMessageBlocksNothing(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "1"), soon(alice, bob, "2"))
		r := delayed.ShardOf(alice)
		o := op.Write(r.Messages(), []any{"hset", r.Messages(), proto.Key(alice, "1"), "\xff\xff"})
		if s.Run(t.Context(), "schedule", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		list := take(t, s, alice, "n1")
		wantIDs(t, list, "1", "2")
		if a := s.Append(t.Context(), []Message{list[0].Message})[0]; !errors.Is(a.Err, ErrInvalid) {
			t.Fatalf("append: %v", a.Err)
		}
		finish(t, s, list[:1], proto.Invalid)
		wantIDs(t, fire(t, s, alice, "n1"), "2")
	})
}

// without is a topology that does not reach some keys.
type without struct {
	servers.Topology
	down func(key string) bool
}

func (w without) Master(ctx context.Context, key string) (*redis.Client, error) {
	if w.down(key) {
		return nil, errors.New("its master is away")
	}
	return w.Topology.Master(ctx, key)
}

// If a Cluster has lost one master, due messages on the others are found.
func TestShardsThatDoNotAnswerAreLeftOut(t *testing.T) {
	s := dial(t, Config{URL: storetest.Cluster.URL()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	scheduled(t, s, soon(alice, bob, "1"))
	there := s.Topology
	defer func() { s.Topology = there }()
	for name, c := range map[string]struct {
		down bool // alice's shard is down; false: all others are
		want []int
	}{
		"her own": {true, nil},
		"others":  {false, []int{int(delayed.ShardOf(alice).Shard)}},
	} {
		s.Topology = without{there, func(key string) bool { return (key == delayed.ShardOf(alice).Due()) == c.down }}
		due, _, err := s.Shards(t.Context())
		if err != nil || !slices.Equal(due, c.want) {
			t.Errorf("%s: due are %v, %v", name, due, err)
		}
	}
	s.Topology = without{there, func(string) bool { return true }}
	if _, _, err := s.Shards(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("all: %v", err)
	}
}

func TestKeysOfAShardAreInOneSlot(t *testing.T) {
	s := dial(t, Config{URL: storetest.Cluster.URL()})
	slots := make(map[int64]bool)
	const shards = 32
	for user := range int64(shards) {
		r := delayed.ShardOf(user)
		slot := slotOf(t, s, r.Due())
		slots[slot] = true
		for _, key := range []string{r.Messages(), r.Key("lease"), r.Pending(user), r.Outcomes(user)} {
			if slotOf(t, s, key) != slot {
				t.Errorf("%s and %s are in different slots", key, r.Due())
			}
		}
	}
	if len(slots) < shards*9/10 {
		t.Errorf("%d shards are in %d slots", shards, len(slots))
	}
}
