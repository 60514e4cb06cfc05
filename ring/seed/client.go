package seed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// ErrStale means that no node has ever answered, or that none has answered for
// Config.MaxStale. The error of View wraps it.
var ErrStale = errors.New("members are unknown or too old")

// Config configures a Client. Seeds is required.
type Config struct {
	Seeds []string   // host:port or URL of nodes' internal HTTP; one that answers is enough
	Keys  *ring.Keys // nil: a cluster without a key

	// Client makes the requests and authenticates them. nil is http.DefaultClient.
	Client *http.Client

	Fresh    time.Duration // View makes no request if the last one is more recent than this; 0 is 1.5 s
	MaxStale time.Duration // the largest age of members that View returns while no node answers; 0 is 60 s
	Timeout  time.Duration // per node; 0 is 1 s

	Logger     *slog.Logger          // nil: no logs
	Registerer prometheus.Registerer // nil: no metrics are registered

	now func() instant // for tests; nil is the clock
}

// A Client requests the members and caches them. It is safe for concurrent use and needs
// no Close. Make it with New.
type Client struct {
	// Set by New.
	cfg     Config
	metrics *metrics
	sem     chan struct{} // cap 1: full while a goroutine makes requests
	table   *ring.Table   // makes the views; only the holder of sem writes it

	// Owned by the holder of sem.
	node    string             // the node that gave the last answer, or empty
	etag    string             // of its answer
	members []ring.Member      // of its answer
	seen    map[string]instant // members' internal HTTP, and when an answer last had them
	logged  map[string]bool    // nodes whose failure was logged since the last answer

	// Guarded by mu.
	mu       sync.Mutex
	view     *ring.View         // nil before the first answer
	answered instant            // when the request was made to which view is the answer
	tried    instant            // when the last request was made, with or without an answer
	callers  map[string]instant // internal HTTP of nodes that have called, and when they last did
}

// New returns a client. It makes no request.
func New(c Config) (*Client, error) {
	if len(c.Seeds) == 0 {
		return nil, errors.New("follow members: no seed")
	}
	for _, s := range c.Seeds {
		if u, err := url.Parse(baseURL(s)); err != nil || u.Host == "" {
			return nil, fmt.Errorf("follow members: seed %q: want host:port or URL", s)
		}
	}
	if c.Keys == nil {
		c.Keys = ring.NewKeys()
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	c.Fresh = orDefault(c.Fresh, 1500*time.Millisecond)
	c.MaxStale = orDefault(c.MaxStale, time.Minute)
	c.Timeout = orDefault(c.Timeout, time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = now
	}
	return &Client{cfg: c, metrics: newMetrics(c.Registerer), sem: make(chan struct{}, 1), table: ring.NewTable(), logged: make(map[string]bool),
		seen: make(map[string]instant), callers: make(map[string]instant)}, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// View returns the members from a node's answer. That answer is at most as old as
// Config.Fresh. If no node answers, View returns the last answer until that is older
// than Config.MaxStale. Then it returns an error that wraps ErrStale.
//
// One goroutine at a time makes requests and waits for the answer. The others get the
// last view meanwhile, or wait if the last view is stale. That goroutine tries nodes in
// this order: the node that answered last, the other members, the seeds, and the
// members and callers of the last day. If there is a view that is not stale, it tries
// them for up to twice Config.Timeout. Otherwise it tries them until ctx ends.
func (c *Client) View(ctx context.Context) (*ring.View, error) {
	view, fresh := c.current()
	if fresh {
		return view, nil
	}
	select {
	case c.sem <- struct{}{}:
	default:
		if view != nil {
			return view, nil
		}
		select {
		case c.sem <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("follow members: %w: %w", ErrStale, ctx.Err())
		}
	}
	defer func() { <-c.sem }()
	if view, fresh = c.current(); fresh { // another goroutine got it while this one waited
		return view, nil
	}
	err := c.refresh(ctx, view != nil)
	if view, _ = c.current(); view == nil {
		return nil, fmt.Errorf("follow members: %w: %w", ErrStale, err)
	}
	return view, nil
}

// current returns the last view, or nil if it is stale. It also reports whether the last
// request is so recent that no new one is needed.
func (c *Client) current() (view *ring.View, fresh bool) {
	now := c.cfg.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view == nil || now.since(c.answered) >= c.cfg.MaxStale {
		return nil, false
	}
	return c.view, now.since(c.tried) < c.cfg.Fresh
}

// refresh requests the members from one node after another until one answers. It returns
// the last node's error. The caller holds sem.
func (c *Client) refresh(ctx context.Context, haveView bool) error {
	begun := c.cfg.now()
	if haveView {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*c.cfg.Timeout)
		defer cancel()
	}
	var err error // of the last node
	for _, node := range c.candidates() {
		var members []ring.Member
		var etag string
		members, etag, err = c.fetch(ctx, node)
		if err == nil {
			c.accept(node, etag, members, begun)
			return nil
		}
		if ctx.Err() != nil { // this is not the fault of the node
			break
		}
		c.metrics.requests.WithLabelValues("failed").Inc()
		if !c.logged[node] {
			level := slog.LevelWarn
			if len(c.members) == 0 { // no node has ever answered, so this one may not have started yet
				level = slog.LevelInfo
			}
			c.cfg.Logger.Log(ctx, level, "node did not return its members", "node", node, "err", err)
			c.logged[node] = true
		}
	}
	c.mu.Lock()
	c.tried = begun
	c.mu.Unlock()
	return err
}

// The client remembers members for a day. It needs them if all nodes are replaced while a
// network split separates them. The node that the client uses may then know only itself.
// When that node leaves and the seeds are gone, only the remembered members are left.
const (
	remember  = 24 * time.Hour
	mostKnown = 1000 // remembered members, and as many callers
)

// Heard records that a node has called this process. The parameter node is the host:port
// of the node's internal HTTP. The client tries callers if no other node answers, because
// all members that it knows may have been replaced while this process was frozen. Heard
// does not block.
func (c *Client) Heard(node string) {
	now := c.cfg.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.callers[node]; known || len(c.callers) < mostKnown {
		c.callers[node] = now
	}
}

// candidates returns the nodes to try, without duplicates. Their order is the node that
// answered last, the other members in random order, the seeds in random order, and the
// members and callers of the last day.
func (c *Client) candidates() []string {
	var nodes []string
	if c.node != "" {
		nodes = append(nodes, c.node)
	}
	for _, i := range rand.Perm(len(c.members)) {
		nodes = append(nodes, c.members[i].HTTP)
	}
	for _, i := range rand.Perm(len(c.cfg.Seeds)) {
		nodes = append(nodes, c.cfg.Seeds[i])
	}
	for node := range c.seen { // in random order
		nodes = append(nodes, node)
	}
	c.mu.Lock()
	nodes = slices.AppendSeq(nodes, maps.Keys(c.callers))
	c.mu.Unlock()
	seen := make(map[string]bool, len(nodes))
	return slices.DeleteFunc(nodes, func(node string) bool {
		again := seen[node]
		seen[node] = true
		return again
	})
}

func (c *Client) accept(node, etag string, members []ring.Member, begun instant) {
	if c.node != node {
		c.cfg.Logger.Info("following members", "node", node, "members", len(members))
	}
	c.node, c.etag, c.members = node, etag, members
	clear(c.logged)
	c.rememberAll(members, begun)
	c.table.Set(members)
	c.mu.Lock()
	defer c.mu.Unlock()
	forget(c.callers, begun)
	c.view, c.answered, c.tried = c.table.Current(), begun, begun
}

// rememberAll records that members were seen now, and forgets members that were not seen
// for a day.
func (c *Client) rememberAll(members []ring.Member, now instant) {
	for _, m := range members {
		if _, known := c.seen[m.HTTP]; known || len(c.seen) < mostKnown {
			c.seen[m.HTTP] = now
		}
	}
	forget(c.seen, now)
}

// forget removes the nodes that were last seen more than a day ago.
func forget(nodes map[string]instant, now instant) {
	maps.DeleteFunc(nodes, func(_ string, seen instant) bool { return now.since(seen) > remember })
}

// baseURL returns the URL of a node's internal HTTP.
func baseURL(node string) string {
	if strings.Contains(node, "://") {
		return node
	}
	return "http://" + node
}
