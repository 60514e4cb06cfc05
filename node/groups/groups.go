package groups

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/pull"
	"github.com/cim-go/cim/proto"
)

// Member is a member's connection.
type Member interface {
	comparable
	hub.Peer
	// Reopen makes a route check the session and its groups again. It does not block.
	Reopen()
}

// Puller reads the logs of the routes.
type Puller[P any] interface {
	// Pull reads a page of the log on behalf of member, who must be allowed to read it.
	// The parameter after is the mark that the page follows.
	Pull(ctx context.Context, member P, after *proto.Mark) (*proto.PullAnswer, error)
}

// Process knows whether the process may have stood still.
type Process interface {
	Sure(now time.Time) bool
}

// Config of Groups. All fields are required.
type Config[P Member] struct {
	Hub     *hub.Hub[P]
	Puller  Puller[P]
	Queue   *pull.Queue // runs the pulls
	Process Process

	Gaps   prometheus.Counter // counts pulls of missing entries
	Failed prometheus.Counter // counts pulls that failed
	Logger *slog.Logger
}

// Groups has a Sequencer for each group that has members here, or of which a route
// lately sent an entry. It is safe for concurrent use.
type Groups[P Member] struct {
	config Config[P]

	mu   sync.Mutex
	list map[int64]*Sequencer[P]
}

// New starts nothing.
func New[P Member](c Config[P]) *Groups[P] {
	return &Groups[P]{config: c, list: make(map[int64]*Sequencer[P])}
}

// Of returns the group's sequencer.
func (g *Groups[P]) Of(group int64) *Sequencer[P] {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.list[group]
	if s == nil {
		s = &Sequencer[P]{config: &g.config, group: group, heard: time.Now()}
		g.list[group] = s
	}
	return s
}

// Held returns the end of a group's log, or nil if only a route knows it. See
// Sequencer.held.
func (g *Groups[P]) Held(group int64, now time.Time) *proto.Mark { return g.Of(group).held(now) }

// Leased handles a route's answer that gives the node a lease of a group. The parameter
// end is the end of the group's log. The parameter left is the time at which the request
// left the node. The lease counts from that time.
func (g *Groups[P]) Leased(end *proto.Mark, left time.Time) {
	s := g.Of(end.Log)
	s.Observe(end)
	s.leasedAt(left)
}

// Lapsed handles a route's answer that the node no longer has a lease of the group. It
// asks a route to open the session of one member again, which gives the node a new lease.
func (g *Groups[P]) Lapsed(group int64) {
	g.Of(group).leasedAt(time.Time{})
	for _, member := range g.config.Hub.Members(group, 1) {
		member.Reopen()
	}
}

// Sweep removes the sequencers that are not needed any more.
func (g *Groups[P]) Sweep(now time.Time) {
	g.mu.Lock()
	all := make([]*Sequencer[P], 0, len(g.list))
	for _, s := range g.list {
		all = append(all, s)
	}
	g.mu.Unlock()
	for _, s := range all {
		if s.idle(now) && !g.config.Hub.HasMembers(s.group) {
			g.mu.Lock()
			delete(g.list, s.group)
			g.mu.Unlock()
		}
	}
}

// Len returns how many sequencers there are.
func (g *Groups[P]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.list)
}

// Newest returns the packet that reports the ends of logs to a client.
func Newest(marks ...*proto.Mark) *link.Packet {
	return link.NewPacket(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: marks})
}
