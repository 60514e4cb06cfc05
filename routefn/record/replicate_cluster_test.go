package record

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
)

// newReplicatedCluster starts two masters with one replica each. It returns the
// replicas in the order of their masters.
func newReplicatedCluster(t *testing.T) (*redistest.Cluster, []*redistest.Server) {
	t.Helper()
	c, err := redistest.NewCluster(t.Context(), t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	replicas := make([]*redistest.Server, len(c.Servers))
	for i, master := range c.Servers {
		replicas[i] = newClusterReplica(t, master)
	}
	for _, master := range c.Servers {
		awaitReplica(t, master.Addr())
	}
	return c, replicas
}

func newClusterReplica(t *testing.T, master *redistest.Server) *redistest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, bus, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	replica, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir(), Args: []string{"--cluster-enabled", "yes", "--cluster-port", bus}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Stop)
	ctx, c, m := t.Context(), clientOf(t, replica.Addr()), clientOf(t, master.Addr())
	if err := m.ConfigSet(ctx, "repl-diskless-sync-delay", "0").Err(); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(replica.Addr())
	if err := m.Do(ctx, "cluster", "meet", host, port, bus).Err(); err != nil {
		t.Fatal(err)
	}
	id, err := m.Do(ctx, "cluster", "myid").Text()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it knows its master", func() bool { return c.ClusterReplicate(ctx, id).Err() == nil })
	return replica
}

// usersOn registers one user on each master.
func usersOn(t *testing.T, s *Store, c *redistest.Cluster) []int64 {
	t.Helper()
	users := make([]int64, len(c.Servers))
	for i := 0; users[0] == 0 || users[1] == 0; i++ {
		user := register(t, s, fmt.Sprint("user", i))
		client, err := s.Topology.Master(t.Context(), logref.Ref{User: user}.List())
		if err != nil {
			t.Fatal(err)
		}
		for j, master := range c.Servers {
			if master.Addr() == client.Options().Addr {
				users[j] = user
			}
		}
	}
	return users
}

// The replica of one master is away. Only writes to the other master are accepted. Then
// a slot moves from one to the other while messages are appended.
func TestEachMasterHasItsOwnWriter(t *testing.T) {
	c, replicas := newReplicatedCluster(t)
	s := dial(t, Config{URL: c.URL(), Replicas: 1, ReplicaTimeout: longWait})
	users := usersOn(t, s, c)
	alice, bob := users[0], users[1]
	stored(t, s, private(alice, bob, "warm"))
	resume := pause(t, replicas[1])
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	away := make(chan []Appended, 1)
	go func() { away <- s.Append(ctx, []Message{private(alice, bob, "1")}) }()
	c1 := clientOf(t, c.Servers[1].Addr())
	eventually(t, "bob's master waits", func() bool {
		return servers.InfoField(c1.Info(t.Context(), "clients").Val(), "blocked_clients") == "1"
	})
	stored(t, s, private(alice, alice, "note"))
	select {
	case a := <-away:
		t.Fatalf("the message to bob did not wait: %v", a[0].Err)
	default:
	}
	resume()
	if a := <-away; a[0].Err != nil {
		t.Fatal(a[0].Err)
	}

	m := newMove(t, s, logref.Ref{User: bob}, c)
	m.begin(t)
	want := []string{private(alice, bob, "warm").key(), key(alice, 1)}
	for n := 2; n < 8; n++ {
		switch n {
		case 4:
			m.migrate(t, m.log.Hash())
			m.migrate(t, m.log.List())
		case 6:
			m.end(t)
		}
		msg := private(alice, bob, strconv.Itoa(n))
		msg.Again = n%2 == 1
		storedWhileMoving(t, s, msg)
		want = append(want, msg.key())
	}
	wantKeys(t, inbox(t, s, bob), want...)
}

// storedWhileMoving stores a message in a slot that moves, and repeats it as a node does.
// While the masters exchange packets about the slot, it can be without a master for a
// moment (seen with Redis 7.0.15: "CLUSTERDOWN Hash slot not served").
func storedWhileMoving(t *testing.T, s *Store, m Message) {
	t.Helper()
	eventually(t, "the slot has a master", func() bool {
		err := s.Append(t.Context(), []Message{m})[0].Err
		if err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknown) {
			t.Fatalf("append %s: %v", m.ID, err)
		}
		m.Again = true
		return err == nil
	})
}
