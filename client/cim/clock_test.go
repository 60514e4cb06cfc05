package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/routefn"
)

// Only the store's clock decides how old a ticket or a token is. The clocks of a route
// and of a node may be wrong and may jump: valid users log in, and come back by their
// token.
func TestNoProcessClockDecidesWhoMayEnter(t *testing.T) {
	const day = 24 * time.Hour
	offsets := []time.Duration{-15 * day, -150 * time.Second, -2 * time.Second, 2 * time.Second, 125 * time.Second, 15 * day, 400 * day}
	var route, ahead atomic.Int64 // how far the clocks are off
	at := func(off *atomic.Int64) func() time.Time {
		return func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	}
	s := newSystem(t, plan{
		nodes: 1,
		route: func(c *routefn.Config) { c.Now = at(&route) },
		node:  func(c *node.Config) { c.Now = at(&ahead) },
	})
	s.addNode(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	comeAndGo := func(name, token string) string {
		cfg := client.Config{Routes: []string{s.url}, Device: "phone", Token: token}
		if token == "" {
			cfg.Name = name
			if _, err := client.Register(ctx, cfg); err != nil {
				t.Error(err)
				return ""
			}
		}
		c, err := client.Connect(ctx, cfg)
		if err != nil {
			t.Errorf("%s, route %v, node %v off: %v", name, time.Duration(route.Load()), time.Duration(ahead.Load()), err)
			return token
		}
		defer c.Close()
		return c.Token()
	}
	tokens := make([]string, 6)
	for _, routeOff := range append([]time.Duration{0}, offsets...) {
		for _, nodeOff := range append([]time.Duration{0}, offsets...) {
			if routeOff != 0 && nodeOff != 0 && routeOff != -nodeOff {
				continue
			}
			route.Store(int64(routeOff))
			ahead.Store(int64(nodeOff))
			var all sync.WaitGroup
			for i := range tokens { // some are for the one node, some for the other
				all.Go(func() { tokens[i] = comeAndGo(fmt.Sprint("user", i), tokens[i]) })
			}
			all.Wait()
		}
	}
}
