package nodes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// Life is one process of a node, from its start to its end. The process has this boot,
// and runs at this address.
type Life struct {
	Addr string
	Boot uint64
}

// deadPause is the pause before another try if a connection to a node broke. When a
// process ends, its connections close first, and its listener soon after. The next try
// then finds that the listener is closed.
const deadPause = 20 * time.Millisecond

// Dead returns the lives that have certainly ended, because their address refuses
// connections or another boot answers there. A node that is slow, cut off or of an
// earlier release does not count as dead. Dead asks about all lives at once, and blocks
// for Timeout at most.
func (n *Client) Dead(ctx context.Context, lives []Life) map[Life]bool {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	dead := make(map[Life]bool)
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(AtATime)
	called := make(map[Life]bool)
	for _, l := range lives {
		if called[l] {
			continue
		}
		called[l] = true
		g.Go(func() error {
			if n.isDead(ctx, l) {
				mu.Lock()
				defer mu.Unlock()
				dead[l] = true
			}
			return nil
		})
	}
	_ = g.Wait() // never an error
	return dead
}

// isDead calls the node until the node answers or refuses, or until ctx ends. It does not
// use the stream to the node, because the end of a stream proves nothing.
func (n *Client) isDead(ctx context.Context, l Life) bool {
	for ctx.Err() == nil {
		answer, err := n.pushNothing(ctx, l)
		if err == nil {
			return answer.Boot != 0 && answer.Boot != l.Boot
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return true
		}
		if _, broke := errors.AsType[*url.Error](err); !broke { // a server answers at the address
			return false
		}
		select {
		case <-ctx.Done():
		case <-time.After(deadPause):
		}
	}
	return false
}

func (n *Client) pushNothing(ctx context.Context, l Life) (*proto.PushAnswer, error) {
	q := &proto.PushRequest{Boot: l.Boot}
	if n.IsNear(l.Addr) {
		return n.near(q), nil
	}
	body, err := pb.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode push: %w", err)
	}
	b, err := n.do(ctx, http.MethodPost, l.Addr, proto.PathPush, body)
	if err != nil {
		return nil, err
	}
	answer := new(proto.PushAnswer)
	return answer, pb.Unmarshal(b, answer)
}
