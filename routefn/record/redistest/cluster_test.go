package redistest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/wait"
)

// A master dies and its replica takes over. Then slots move to another master, with all
// their keys.
func TestClusterKeepsItsKeys(t *testing.T) {
	t.Parallel() // the test mostly waits
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
	// A member that does not know of a change yet answers CLUSTERDOWN, or not at all,
	// or as the former owner, without the key. Only a key that stays away is lost.
	all := func(when string) {
		t.Helper()
		for i := range keys {
			key := strconv.Itoa(i)
			wait.Until(t, when+" key "+key+" is answered", func() bool { return client.Get(ctx, key).Err() == nil })
		}
	}
	for moved, try := 0, 1; moved < 2; try++ {
		moving, end := context.WithTimeout(ctx, time.Duration(try)*500*time.Millisecond)
		n, err := c.MoveSlots(moving, 1)
		end()
		if err != nil {
			t.Fatalf("%d slots were moved: %v", moved+n, err)
		}
		moved += n
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
	wait.Until(t, "there are three masters", func() bool {
		masters, err := c.Masters(ctx)
		return err == nil && len(masters) == 3
	})
}
