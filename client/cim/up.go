package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// runUp is `cim up`. It runs a whole cluster on this machine, and a terminal to chat in.
// When the terminal ends, the cluster ends.
func runUp(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim up", flag.ContinueOnError)
	fs.SetOutput(stderr)
	c := up.Config{Fixed: true}
	fs.IntVar(&c.Nodes, "nodes", 3, "`number` of nodes")
	fs.IntVar(&c.Routes, "routes", 1, "`number` of routes")
	fs.StringVar(&c.Route, "route", up.RouteServer, "`form` of the routes: server, or lambda (functions, whose instances are started on demand,\nfrozen between requests and killed now and then)")
	fs.StringVar(&c.Redis, "redis", "embedded", "store: embedded (in this process, and lost with it), spawn (a redis-server of its own)\nor the `URL` of one that runs")
	fs.StringVar(&c.ZK, "zk", "", "ZooKeeper into which the nodes are mirrored: spawn, or the `host:port` of one that runs; empty: none")
	fs.StringVar(&c.Auth, "auth", "open", "`mode` of accounts: open (a name is enough), password, or jwt (tokens of another system, which cim token plays)")
	limits := fs.String("limits", "", "what one account may cost others: off, default, or a `file` of limits; empty: off with -auth open,\nelse default")
	everyone := fs.String("everyone", "", "least `role` that may write to everyone and list who is online: user, moderator or operator;\nempty: user with -auth open or -demo, else moderator")
	fs.StringVar(&c.Dir, "dir", "", "`folder` for logs and data; empty: a temporary one")
	secure := fs.Bool("tls", false, "speak TLS between all, with certificates of an authority that is thrown away at the end")
	fs.BoolVar(&c.Keys, "keys", false, "give each process a key and a certificate of its own, by an operator's key that only this process has")
	demo := fs.Bool("demo", false, "do not chat: show what happens when a node dies, and end")
	var chat chatFlags
	chat.register(fs)
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	if err := checkUp(c); err != nil {
		return err
	}
	if *secure {
		remove, err := secured(&c)
		if err != nil {
			return err
		}
		defer remove()
		chat.trust.file = c.CA.File
	}
	if *limits != "" {
		c.RouteFlags = append(c.RouteFlags, "-limits", *limits)
	}
	if *demo { // the demo sends a message to everyone
		*everyone = cmp.Or(*everyone, "user")
	}
	if *everyone != "" {
		c.RouteFlags = append(c.RouteFlags, "-everyone", *everyone)
	}
	users, err := usersOf(&c)
	if err != nil {
		return err
	}
	if *demo {
		return runDemo(ctx, c, users, os.Stdout)
	}
	begun := time.Now()
	cluster, err := up.Start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }() // an error needs no report, because the programs have logs
	defer printFunctions(os.Stdout, cluster)
	printCluster(os.Stdout, cluster, users, time.Since(begun))
	if !term.IsTerminal(int(os.Stdin.Fd())) && chat.name == "" && chat.tokens == "" {
		<-ctx.Done() // without a terminal, wait until ctx ends
		return nil
	}
	chat.use(cluster.RouteURLs())
	if chat.name == "" && chat.tokens == "" {
		chat.name = loginName()
	}
	if users != nil {
		chat.jwt = users.of(chat.name)
	}
	err = chat.run(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func checkUp(c up.Config) error {
	switch {
	case c.Nodes < 1 || c.Routes < 1:
		return fmt.Errorf("%w: at least one node and one route are needed", process.ErrUsage)
	case c.Route != up.RouteServer && c.Route != up.RouteLambda:
		return fmt.Errorf("%w: -route %q: want server or lambda", process.ErrUsage, c.Route)
	}
	return nil
}

// secured makes a certificate authority for a cluster. The function remove deletes it.
func secured(c *up.Config) (remove func(), err error) {
	if c.Route == up.RouteLambda {
		return nil, fmt.Errorf("%w: -tls needs -route server", process.ErrUsage)
	}
	dir, err := os.MkdirTemp("", "cim-tls-")
	if err != nil {
		return nil, fmt.Errorf("make folder of the authority: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // if that fails, the system cleans up the temporary folder
	if c.CA, err = localca.New(dir); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func printCluster(w io.Writer, c *up.Cluster, users *host, took time.Duration) {
	fmt.Fprintf(w, "%d nodes found each other in %.1f s; logs are in %s\n\n", len(c.Nodes()), took.Seconds(), c.Dir())
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, r := range c.Routes() {
		fmt.Fprintf(table, "%s\t%s\tfor clients and browsers\tpid %d\n", r.Name, r.URL, r.PID())
	}
	if len(c.Routes()) == 0 {
		for _, url := range c.RouteURLs() {
			fmt.Fprintf(table, "route\t%s\tfor clients and browsers\ta function\n", url)
		}
	}
	for _, n := range c.Nodes() {
		fmt.Fprintf(table, "%s\t%s\tgossip %s\tpid %d\n", n.ID, n.Client, n.Gossip, n.PID())
	}
	fmt.Fprintf(table, "store\t%s\n", strings.Join(c.StoreFlags(), " "))
	table.Flush()
	route := ""
	if c.RouteURLs()[0] != defaultRoute {
		route = " -route " + c.RouteURLs()[0]
	}
	if c.CAFile() != "" {
		route += " -tls-ca " + c.CAFile()
	}
	who := "-name bob"
	if users != nil {
		fmt.Fprintf(w, "\nTokens are signed with %s (EdDSA, iss %q, aud %q): cim token bob > bob.jwt\n", users.private, hostIssuer, hostAudience)
		who = "-token-file bob.jwt"
	}
	fmt.Fprintf(w, "\nFrom other terminals: cim%s %s, cim ring%s\n", route, who, route)
	key := ""
	if c.ClusterKey() != "" {
		key = " -cluster-key " + c.ClusterKey()
	}
	if c.CAFile() != "" {
		fmt.Fprintln(w)
		return // one more node would need a certificate
	}
	fmt.Fprintf(w, "One more node:        cim server -auth %s -join %s%s\n\n", c.Auth(), c.Nodes()[0].Gossip, key)
}

// If the route is a function, printFunctions prints the figures of its instances.
func printFunctions(w io.Writer, c *up.Cluster) {
	stats := c.Functions()
	if stats == nil {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range stats.Rows() {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	table.Flush()
}

// loginName is the name of the user at the terminal.
func loginName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // on Windows, the domain precedes the name
	}
	return "me"
}
