package nodes

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// Wake makes members ask a route for due work when the duration in the parameter wait is
// over, but not before 1 ms. It calls all members at once, blocks for Timeout at most, and
// returns how many answered.
func (n *Client) Wake(ctx context.Context, members []ring.Member, wait time.Duration) int {
	var answered atomic.Int32
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() {
			if _, err := n.Push(ctx, m.HTTP, &proto.PushRequest{Boot: m.Boot, Wake: max(1, wait.Milliseconds())}); err == nil {
				answered.Add(1)
			}
		})
	}
	all.Wait()
	return int(answered.Load())
}
