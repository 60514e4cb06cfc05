package up

import (
	"slices"
	"strings"
)

// nodeCommand returns a node's command line. A node needs nothing else, so the same
// command line restarts a killed node. The seeds are gossip addresses of other nodes.
func (c *Cluster) nodeCommand(node *Node, seeds, flags []string) []string {
	args := []string{
		"-id", node.ID, "-listen", node.Client, "-http", node.HTTP, "-gossip", node.Gossip, "-auth", c.config.Auth,
	}
	for _, route := range c.frontAt {
		args = append(args, "-route-url", c.url(route, HopRoute))
	}
	if node.Route != "" {
		args = append(args, "-with-route", "-route-listen", node.Route)
		args = append(args, c.storeFlags()...)
		args = append(args, c.identityFlags("-route-identity", "route")...)
		if c.secure(HopRoute) {
			args = append(args, "-node-tls-ca", c.tls.ca)
		}
	}
	if len(seeds) > 0 {
		args = append(args, "-join", strings.Join(seeds, ","))
	}
	if c.zk != "" {
		args = append(args, "-zk", c.zk)
	}
	if c.key != "" {
		args = append(args, "-cluster-key", c.key)
	}
	args = append(args, c.identityFlags("-identity", node.ID)...)
	args = append(args, c.tlsFlags("-route-tls-ca", HopClients)...)
	if c.config.Route == RouteLambda {
		args = append(args, "-plain-hop") // a function offers no streams, and each try to open one would be an invocation
	}
	return c.command("server", append(append(args, c.config.ServerFlags...), flags...))
}

// routeCommand returns the route's command line. For a function, address is empty,
// because it does not listen.
func (c *Cluster) routeCommand(address string) []string {
	args := append([]string{
		"-ring", "seed:" + c.httpSeeds(), "-auth", c.config.Auth,
	}, c.storeFlags()...)
	args = append(args, c.tlsFlags("-node-tls-ca", HopClients|HopRoute)...) // a route has one port for clients and nodes
	args = append(args, c.identityFlags("-identity", "route")...)
	if address != "" {
		args = append(args, "-listen", address)
	}
	if c.key != "" {
		args = append(args, "-cluster-key", c.key)
	}
	return c.command("route", args)
}

// storeFlags returns the flags of a program that serves a route.
func (c *Cluster) storeFlags() []string {
	flags := c.StoreFlags()
	if c.config.Route == RouteLambda && c.config.Auth == "open" {
		flags = append(flags, "-limits", "off") // without this flag, a function would limit the users, because it does not know that it runs on their machine
	}
	flags = append(flags, c.config.RouteFlags...)
	if c.config.Redis == "embedded" {
		flags = append(flags, "-allow-embedded")
	}
	return flags
}

// command returns the command line of one of our programs.
func (c *Cluster) command(program string, args []string) []string {
	return append(append(slices.Clone(c.config.Program), program), args...)
}

// gossipOf returns the gossip addresses of all nodes except one.
func gossipOf(nodes []*Node, except *Node) []string {
	var seeds []string
	for _, n := range nodes {
		if n != except {
			seeds = append(seeds, n.Gossip)
		}
	}
	return seeds
}

func (c *Cluster) httpSeeds() string {
	var seeds []string
	for _, n := range c.Nodes() {
		seeds = append(seeds, c.seed(n.HTTP))
	}
	return strings.Join(seeds, ",")
}
