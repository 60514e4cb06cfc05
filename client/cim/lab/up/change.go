package up

import (
	"context"
	"strings"
)

// AddNode starts one more node, which joins by the gossip addresses of the
// others, and returns when it is ready.
func (c *Cluster) AddNode(ctx context.Context, flags ...string) (*Node, error) {
	node := c.newNode()
	if err := c.startNode(node, gossipOf(c.Nodes(), nil), flags...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return node, node.WaitReady(ctx)
}

// RestartNode kills the node if it runs and starts it again under its id and
// addresses, with all nodes of the cluster as seeds. It returns when the node is
// ready.
func (c *Cluster) RestartNode(ctx context.Context, node *Node, flags ...string) error {
	return restart(ctx, node.Process, c.nodeCommand(node, gossipOf(c.Nodes(), node), flags))
}

// RestartRoute kills the route if it runs and starts it again at its address. It
// returns when the route is ready.
func (c *Cluster) RestartRoute(ctx context.Context, route *Process) error {
	return restart(ctx, route, c.routeCommand(route.URL[strings.Index(route.URL, "://")+len("://"):]))
}

func restart(ctx context.Context, p *Process, command []string) error {
	p.Kill()
	if err := p.begin(command); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return p.WaitReady(ctx)
}
