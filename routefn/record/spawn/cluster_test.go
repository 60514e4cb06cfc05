package spawn

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A master dies and its replica takes over; slots move to another master with
// all their keys.
func TestClusterKeepsItsKeys(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx := t.Context()
	c, err := NewReplicatedCluster(ctx, t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Servers[0].Addr(), c.Servers[1].Addr()}})
	defer client.Close()
	const keys = 50
	for i := range keys {
		if err := client.Set(ctx, strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	all := func(when string) {
		t.Helper()
		for i := range keys {
			if err := client.Get(ctx, strconv.Itoa(i)).Err(); err != nil {
				t.Fatalf("%s, key %d: %v", when, i, err)
			}
		}
	}
	moving, end := context.WithTimeout(ctx, 500*time.Millisecond)
	defer end()
	if moved, err := c.MoveSlots(moving, 1); err != nil || moved < 2 {
		t.Errorf("%d slots were moved: %v", moved, err)
	}
	all("after the move")
	awaitReplicas(t, c.Servers)
	lost, err := c.Lose(ctx, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Rejoin(ctx, lost); err != nil {
		t.Fatal(err)
	}
	all("after the failover")
	if masters, err := c.Masters(ctx); err != nil || len(masters) != 3 {
		t.Errorf("%d masters: %v", len(masters), err)
	}
}
