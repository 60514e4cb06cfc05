package main

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
)

// zooKeeper follows what stands in ZooKeeper.
func zooKeeper(t *testing.T, address string) *ring.Table {
	t.Helper()
	table := ring.NewTable()
	follower, err := mirror.NewFollower(mirror.Config{Servers: []string{address}}, table)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = follower.Run(ctx) }) // always nil
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return table
}

func listed(table *ring.Table) int { return len(table.Current().Members()) }

// Chat never stops because ZooKeeper does.
func TestZooKeeperAwayLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2, Redis: "spawn", ZK: "spawn"})
	registry := zooKeeper(t, cluster.ZK())
	crowd := newCrowd(t, cluster.RouteURLs(), 10, "zk")
	within(t, 10*time.Second, "ZooKeeper lists two", func() bool { return listed(registry) == 2 })
	cluster.ZooKeeper().Stop()
	for stopped := time.Now(); time.Since(stopped) < zooKeeperAway(); time.Sleep(100 * time.Millisecond) {
		crowd.round()
	}
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)
	if err := cluster.ZooKeeper().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := within(t, 30*time.Second, "ZooKeeper lists two again", func() bool { return listed(registry) == 2 })
	t.Logf("%d rounds of messages while ZooKeeper was away; registered again %v after it was back", crowd.sent.Load(), took)
	crowd.round()
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)
}

// zooKeeperAway is longer than a session; CIM_TEST_LONG makes it a minute.
func zooKeeperAway() time.Duration {
	if os.Getenv("CIM_TEST_LONG") != "" {
		return time.Minute
	}
	return 12 * time.Second
}
