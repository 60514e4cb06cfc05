package up

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

func (c *Cluster) waitReady(ctx context.Context) error {
	for _, n := range c.Nodes() {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	for _, r := range c.Routes() {
		if err := r.WaitReady(ctx); err != nil {
			return err
		}
	}
	for _, url := range c.RouteURLs() {
		if err := waitServing(ctx, c.http, url, len(c.Nodes())); err != nil {
			return err
		}
	}
	return nil
}

// waitServing blocks until the route knows n members that serve. At first the route may
// know fewer members, because it got its list from a node that did not know all of them.
func waitServing(ctx context.Context, client *http.Client, route string, n int) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		serving, err := servingAt(ctx, client, route)
		if err == nil && serving >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the route sees %d of %d nodes: %w", serving, n, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

func servingAt(ctx context.Context, client *http.Client, route string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, route+proto.PathMembers, nil)
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var members []ring.Member
	if err := json.NewDecoder(answer.Body).Decode(&members); err != nil {
		return 0, err
	}
	return ring.NewView(members).Ring().Len(), nil
}
