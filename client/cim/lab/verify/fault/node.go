package fault

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
)

// seat is a place for a node. After a fault, the seat has the restarted node or a
// replacement.
type seat struct {
	mu   sync.Mutex
	node *up.Node
}

func (s *seat) current() *up.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node
}

func (s *seat) take(n *up.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node = n
}

type nodeKill struct{}

func (nodeKill) Name() string { return "node-kill" }
func (nodeKill) Story() string {
	return "a node is killed (-9); it comes back under its id, or another joins in its place"
}
func (nodeKill) Hits() Class           { return Nodes }
func (nodeKill) Missing(*World) string { return "" }
func (nodeKill) Rhythm() Rhythm {
	return Rhythm{Every: Span{7 * time.Second, 18 * time.Second}, Lasts: Span{200 * time.Millisecond, 7 * time.Second}}
}

// replaced is the percentage of killed nodes that are replaced by a new node.
const replaced = 35

func (nodeKill) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	seat := w.seats[s.Target]
	node := seat.current()
	node.Kill()
	comeBack := func(ctx context.Context) error { return w.cluster.RestartNode(ctx, node) }
	if s.percent(1, replaced) {
		comeBack = func(ctx context.Context) error {
			other, err := w.cluster.AddNode(ctx)
			if err != nil {
				return err
			}
			seat.take(other)
			return nil
		}
	}
	return Wound{What: node.ID + " killed", Heal: comeBack}, nil
}

type nodePause struct{}

func (nodePause) Name() string { return "node-pause" }
func (nodePause) Story() string {
	return "a node stands still (SIGSTOP) for up to 20 s, as on a host that is starved"
}
func (nodePause) Hits() Class             { return Nodes }
func (nodePause) Missing(w *World) string { return w.noPause() }
func (nodePause) Rhythm() Rhythm {
	return Rhythm{Every: Span{9 * time.Second, 25 * time.Second}, Lasts: Span{500 * time.Millisecond, 20 * time.Second}}
}

func (nodePause) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	node := w.seats[s.Target].current()
	if err := node.Pause(); err != nil {
		return Wound{}, err
	}
	return Wound{What: node.ID + " paused", Heal: func(context.Context) error { return node.Resume() }}, nil
}

type nodeDrain struct{}

func (nodeDrain) Name() string { return "node-drain" }
func (nodeDrain) Story() string {
	return "a node is asked to leave (SIGTERM), gives its users to others and ends; another joins in its place"
}
func (nodeDrain) Hits() Class { return Nodes }
func (nodeDrain) Missing(w *World) string {
	if !w.signals {
		return "this system cannot ask processes to end"
	}
	return ""
}
func (nodeDrain) Rhythm() Rhythm {
	return Rhythm{Every: Span{12 * time.Second, 30 * time.Second}, Lasts: Span{time.Second, 6 * time.Second}}
}

// drainTime is how long a node may take to leave. It may have to wait for a route that
// answers, and for clients that read slowly.
const drainTime = 45 * time.Second

func (nodeDrain) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	seat := w.seats[s.Target]
	node := seat.current()
	gone := make(chan error, 1)
	go func() { gone <- node.Stop(drainTime) }()
	replace := func(ctx context.Context) error {
		select {
		case err := <-gone:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := node.Err(); err != nil {
			return fmt.Errorf("%s did not leave in %v: %w", node.ID, drainTime, err)
		}
		other, err := w.cluster.AddNode(ctx)
		if err != nil {
			return err
		}
		seat.take(other)
		return nil
	}
	return Wound{What: node.ID + " drained", Heal: replace}, nil
}

type routeKill struct{}

func (routeKill) Name() string { return "route-kill" }
func (routeKill) Story() string {
	return "a route is killed (-9) and started again at its address"
}
func (routeKill) Hits() Class { return Routes }
func (routeKill) Missing(w *World) string {
	if len(w.cluster.Routes()) == 0 {
		return "the route is a function: its instances are killed anyway"
	}
	return ""
}
func (routeKill) Rhythm() Rhythm {
	return Rhythm{Every: Span{5 * time.Second, 14 * time.Second}, Lasts: Span{100 * time.Millisecond, 5 * time.Second}}
}

func (routeKill) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	route := w.cluster.Routes()[s.Target]
	route.Kill()
	return Wound{
		What: route.Name + " killed",
		Heal: func(ctx context.Context) error { return w.cluster.RestartRoute(ctx, route) },
	}, nil
}
