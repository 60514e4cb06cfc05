package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// A service with tight timeouts gives up thousands of messages while the routes are
// away, and sends none of them again. When they are back its connection takes
// messages again, whether the impatient senders go on or not.
func TestImpatientSenderIsHeardAfterAnOutage(t *testing.T) {
	s := newSystem(t, plan{nodes: 1, node: func(c *node.Config) { c.Timeouts.Send = time.Second }})
	ctx := wait.Context(t)
	var bob client.User
	for _, name := range []string{"alice", "bob"} {
		user, err := client.Register(ctx, client.Config{Routes: []string{s.url}, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		bob = user
	}
	c, err := client.Connect(ctx, client.Config{Routes: []string{s.url}, Name: "alice", Device: "service"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Send(ctx, bob.User, "before"); err != nil {
		t.Fatal(err)
	}
	s.nodes[0].uplink.set(func(_ context.Context, q any, call func() error) error {
		if _, ok := q.(*proto.SendRequest); ok {
			return errors.New("the route does not answer")
		}
		return call()
	})

	const givenUp = 10 * 1024 // ten times what a node remembers of a connection
	var count atomic.Int64
	stop, all := make(chan struct{}), new(sync.WaitGroup)
	enough := make(chan struct{})
	for range 200 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				_, err := c.Send(impatient, bob.User, "during")
				cancel()
				if err != nil && count.Add(1) == givenUp {
					close(enough)
				}
			}
		})
	}
	select {
	case <-enough:
	case <-ctx.Done():
		t.Fatal(count.Load(), "given up")
	}
	s.nodes[0].uplink.set(nil)
	for _, text := range []string{"among others", "alone"} {
		begun := time.Now()
		if _, err := c.Send(ctx, bob.User, text); err != nil {
			t.Errorf("%s: %v; state %+v", text, err, c.State())
		}
		t.Logf("%s: accepted after %v", text, time.Since(begun))
		if text == "among others" {
			close(stop)
			all.Wait()
		}
	}
}
