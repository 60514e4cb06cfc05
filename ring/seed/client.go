package seed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// ErrStale is wrapped by View's error when there is no view that is young
// enough: nobody has answered for Config.MaxStale, or ever.
var ErrStale = errors.New("members are unknown or too old")

// Config says what a Client is made of. Seeds is needed.
type Config struct {
	Seeds []string   // host:port or URL of nodes' internal HTTP; any is enough
	Keys  *ring.Keys // nil: a cluster without a key

	// Client asks the nodes, and puts on what they ask of a caller. nil is
	// http.DefaultClient.
	Client *http.Client

	Fresh    time.Duration // an answer is used so long without asking again; 0 is 1.5 s
	MaxStale time.Duration // and so long when nobody answers; 0 is 60 s
	Timeout  time.Duration // of one node; 0 is 1 s

	Logger     *slog.Logger          // nil is silent
	Registerer prometheus.Registerer // nil is none

	now func() instant // for tests; nil is the clock
}

// A Client follows the members. It is safe for concurrent use and has nothing
// to close. Make it with New.
type Client struct {
	// Set by New.
	cfg     Config
	metrics *metrics
	turn    chan struct{} // cap 1: whoever has put a token in it asks
	table   *ring.Table   // makes the views; written by whoever has the turn

	// Owned by whoever has the turn.
	node    string             // the one that answered last, or empty
	etag    string             // of its answer
	members []ring.Member      // of its answer
	seen    map[string]instant // internal HTTP of members, and when they were told last
	told    map[string]bool    // nodes that did not answer since one did: the log knows

	// Guarded by mu.
	mu       sync.Mutex
	view     *ring.View // nil before the first answer
	answered instant    // when view was asked for
	tried    instant    // when somebody asked last, in vain or not
}

// New returns a client that has asked nobody yet.
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
	return &Client{cfg: c, metrics: newMetrics(c.Registerer), turn: make(chan struct{}, 1), table: ring.NewTable(), told: make(map[string]bool),
		seen: make(map[string]instant)}, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// View returns the members as a node knew them at most Fresh ago. If nobody
// answers it returns the last view until that is MaxStale old, and then an
// error that wraps ErrStale.
//
// One caller at a time asks, and waits for the answer; meanwhile the others
// have the view that is there, if it is not stale. Whoever asks tries the node
// that answered last, then the other members, the seeds, and the members of the
// last day: for at most two Timeouts if there is a view to fall back on, and until
// ctx ends if not.
func (c *Client) View(ctx context.Context) (*ring.View, error) {
	view, fresh := c.current()
	if fresh {
		return view, nil
	}
	select {
	case c.turn <- struct{}{}:
	default:
		if view != nil {
			return view, nil
		}
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("follow members: %w: %w", ErrStale, ctx.Err())
		}
	}
	defer func() { <-c.turn }()
	if view, fresh = c.current(); fresh { // somebody has asked while we waited
		return view, nil
	}
	err := c.ask(ctx, view != nil)
	if view, _ = c.current(); view == nil {
		return nil, fmt.Errorf("follow members: %w: %w", ErrStale, err)
	}
	return view, nil
}

// current returns the last view, nil if it is stale, and whether it may be used
// without asking: it is fresh, or somebody has just tried.
func (c *Client) current() (view *ring.View, fresh bool) {
	now := c.cfg.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view == nil || now.since(c.answered) >= c.cfg.MaxStale {
		return nil, false
	}
	return c.view, now.since(c.tried) < c.cfg.Fresh
}

// ask asks one node after another until one answers. The caller has the turn.
func (c *Client) ask(ctx context.Context, haveView bool) error {
	asked := c.cfg.now()
	if haveView {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*c.cfg.Timeout)
		defer cancel()
	}
	var err error // of the last one
	for _, node := range c.candidates() {
		var members []ring.Member
		var etag string
		members, etag, err = c.fetch(ctx, node)
		if err == nil {
			c.accept(node, etag, members, asked)
			return nil
		}
		if ctx.Err() != nil { // not the node's fault
			break
		}
		c.metrics.requests.WithLabelValues("failed").Inc()
		if !c.told[node] {
			level := slog.LevelWarn
			if len(c.members) == 0 { // nobody has ever told: it may not have started yet
				level = slog.LevelInfo
			}
			c.cfg.Logger.Log(ctx, level, "node did not tell its members", "node", node, "err", err)
			c.told[node] = true
		}
	}
	c.mu.Lock()
	c.tried = asked
	c.mu.Unlock()
	return err
}

// A cluster may have been renewed while its nodes did not see each other: the one
// that is followed then tells of itself alone, and when it leaves, those who were
// told of before are all there is beside seeds that may be long gone.
const (
	remember  = 24 * time.Hour
	mostKnown = 1000 // members that are remembered
)

// candidates returns whom to ask, in this order: who answered last, the other
// members in random order, the seeds likewise, and the members of the last day. Each
// is there once.
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
	seen := make(map[string]bool, len(nodes))
	return slices.DeleteFunc(nodes, func(node string) bool {
		again := seen[node]
		seen[node] = true
		return again
	})
}

func (c *Client) accept(node, etag string, members []ring.Member, asked instant) {
	if c.node != node {
		c.cfg.Logger.Info("following members", "node", node, "members", len(members))
	}
	c.node, c.etag, c.members = node, etag, members
	clear(c.told)
	c.recall(members, asked)
	c.table.Set(members)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view, c.answered, c.tried = c.table.Current(), asked, asked
}

// recall remembers members, and forgets those of whom nobody told for a day.
func (c *Client) recall(members []ring.Member, now instant) {
	for _, m := range members {
		if _, known := c.seen[m.HTTP]; known || len(c.seen) < mostKnown {
			c.seen[m.HTTP] = now
		}
	}
	for node, told := range c.seen {
		if now.since(told) > remember {
			delete(c.seen, node)
		}
	}
}

// baseURL returns the URL of a node's internal HTTP.
func baseURL(node string) string {
	if strings.Contains(node, "://") {
		return node
	}
	return "http://" + node
}
