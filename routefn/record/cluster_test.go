package record

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// A slot moves to another master while messages are appended. First one key of a log
// moves, then the other, and then the slot itself.
func TestMovingSlotLosesAndRepeatsNothing(t *testing.T) {
	s := dial(t, Config{URL: storetest.Cluster.URL()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	m := newMove(t, s, logref.Ref{User: bob}, storetest.Cluster)
	t.Cleanup(m.back)

	var want []string
	sent := 0
	send := func(again bool) {
		t.Helper()
		sent++
		msg := private(alice, bob, fmt.Sprint(sent))
		msg.Again = again
		stored(t, s, msg)
		want = append(want, msg.key())
	}
	m.begin(t)
	send(false)
	send(true)
	m.migrate(t, m.log.Hash()) // one key of the log is there, so both masters refuse
	time.AfterFunc(30*time.Millisecond, func() { m.migrate(t, m.log.List()) })
	send(false)
	send(true) // the old master redirects by ASK
	login(t, s, bob, "phone", "n1", 0)
	m.end(t)
	send(false) // the old master redirects by MOVED
	send(true)
	wantKeys(t, inbox(t, s, bob), append([]string{private(alice, bob, "warm").key()}, want...)...)
}

// move moves the slot of a log from its master to another one.
type move struct {
	log          logref.Ref
	slot         int64
	from, to     *redis.Client
	fromID, toID string
}

func newMove(t *testing.T, s *Store, l logref.Ref, c *redistest.Cluster) *move {
	t.Helper()
	ctx := t.Context()
	slot, err := s.Topology.(*servers.Cluster).ClusterKeySlot(ctx, l.List()).Result()
	if err != nil {
		t.Fatal(err)
	}
	m := &move{log: l, slot: slot}
	owner, err := s.Topology.Master(ctx, l.List())
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range c.Servers {
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		t.Cleanup(func() { client.Close() })
		id, err := client.Do(ctx, "cluster", "myid").Text()
		if err != nil {
			t.Fatal(err)
		}
		if server.Addr() == owner.Options().Addr {
			m.from, m.fromID = client, id
		} else {
			m.to, m.toID = client, id
		}
	}
	return m
}

func (m *move) do(t *testing.T, c *redis.Client, args ...any) {
	t.Helper()
	if err := c.Do(context.Background(), args...).Err(); err != nil {
		t.Error(err)
	}
}

func (m *move) begin(t *testing.T) {
	t.Helper()
	m.do(t, m.to, "cluster", "setslot", m.slot, "importing", m.fromID)
	m.do(t, m.from, "cluster", "setslot", m.slot, "migrating", m.toID)
}

func (m *move) migrate(t *testing.T, key string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(m.to.Options().Addr)
	m.do(t, m.from, "migrate", host, port, key, 0, 1000)
}

// end lets the old master learn from the new one that the slot has moved. If it were told
// before, an older packet of the new master could take the slot from both for a moment
// (seen with Redis 7.0.15: "CLUSTERDOWN Hash slot not served").
func (m *move) end(t *testing.T) {
	t.Helper()
	m.do(t, m.to, "cluster", "setslot", m.slot, "node", m.toID)
	eventually(t, "the old master knows that the slot has moved", func() bool {
		shards, err := m.from.ClusterShards(t.Context()).Result()
		return err == nil && slices.ContainsFunc(shards, func(s redis.ClusterShard) bool {
			return slices.ContainsFunc(s.Nodes, func(n redis.Node) bool { return n.ID == m.toID }) &&
				slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool { return r.Start <= m.slot && m.slot <= r.End })
		})
	})
	m.do(t, m.from, "cluster", "setslot", m.slot, "node", m.toID)
}

// back gives the slot back, without keys, for the next tests.
func (m *move) back() {
	ctx := context.Background()
	m.to.FlushAll(ctx)
	for _, c := range []*redis.Client{m.from, m.to} {
		c.Do(ctx, "cluster", "setslot", m.slot, "node", m.fromID)
	}
}
