package nodeserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/ring"
)

// stateEvery is how often waitReady checks whether the node is ready.
const stateEvery = 50 * time.Millisecond

// keepState publishes the state Serving once the node is ready, and Draining when the
// node begins to drain. Then keepState returns. If the context in parts ends, keepState
// returns earlier.
func (s *server) keepState(parts context.Context) error {
	if s.waitReady(parts) {
		s.gossip.SetState(ring.Serving)
		s.log.Info("node takes users", "node", s.flags.id)
	}
	select {
	case <-s.node.Draining():
		s.gossip.SetState(ring.Draining)
	case <-parts.Done():
	}
	return nil
}

// waitReady blocks until the node is ready. It returns false if the node leaves before
// that.
func (s *server) waitReady(parts context.Context) bool {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for s.ready() != nil {
		select {
		case <-tick.C:
		case <-s.node.Draining():
			return false
		case <-parts.Done():
			return false
		}
	}
	return true
}

// ready returns why the node should get no users yet, or nil if it may get them.
func (s *server) ready() error {
	if ok, reason := s.gossip.Ready(); !ok {
		return errors.New(reason)
	}
	if !s.verifier.Ready() {
		err := errNeedsRoute
		if why := s.keysMissing.Load(); why != nil {
			err = fmt.Errorf("%w: %w", err, *why)
		}
		return err
	}
	return nil
}

// errNeedsRoute means that no cim-route has answered. CIM's own routes are not enough,
// because they have no keys of tickets.
var errNeedsRoute = errors.New("needs a cim-route: no route has returned the key that verifies tickets")

// After routesAway without an answer from any cim-route, the node counts as cut off from
// routes. Until one answers, it is not ready and CIM's routes send it no users. A
// restarted route is back sooner.
const routesAway = 15 * time.Second

// readyNow returns why the node should get no users now, or nil. It checks what ready
// checks, and whether the node is cut off from routes.
func (s *server) readyNow() error {
	if err := s.ready(); err != nil {
		return err
	}
	if s.routes == nil {
		return nil
	}
	if away := s.routes.Away(); away >= routesAway {
		return fmt.Errorf("needs a cim-route: none has answered for %v", away.Truncate(time.Second))
	}
	return nil
}

// takesCIM reports whether CIM's routes may send users here. If not, the node's entry
// leaves the folder in ZooKeeper that they read.
func (s *server) takesCIM() bool {
	return s.gossip.Self().State == ring.Serving && s.readyNow() == nil
}

// watchRoutes logs once that the node is cut off from routes, and once that a route
// answers again.
func (s *server) watchRoutes(parts context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for missing := false; ; {
		select {
		case <-tick.C:
		case <-parts.Done():
			return nil
		}
		if s.ready() != nil {
			continue // AwaitReady logs that
		}
		err := s.readyNow()
		switch now := err != nil; {
		case now && !missing:
			s.log.Warn("node is not ready", "err", err)
		case !now && missing:
			s.log.Info("a route answers again")
		}
		missing = err != nil
	}
}

// elsewhere reports whether another member takes users, or will do so.
func (s *server) elsewhere() bool {
	return slices.ContainsFunc(s.table.Current().Members(), func(m ring.Member) bool {
		return m.ID != s.flags.id && m.State != ring.Draining
	})
}

// watchOthers starts a reconciliation when the node sees other members again after it saw
// none. In between, the others may have taken the node for dead, and routes may have
// given up its sessions. Whenever a member is gone, watchOthers also makes a route send
// the delayed messages that are due, because perhaps only that member knew of some.
func (s *server) watchOthers(parts context.Context) error {
	seen := new(ring.View)
	for {
		view, changed := s.table.Watch()
		if len(seen.Members()) <= 1 && len(view.Members()) > 1 {
			s.node.Reconcile()
		}
		if anyGone(seen, view) {
			s.node.AskToFire()
		}
		seen = view
		select {
		case <-changed:
		case <-parts.Done():
			return nil
		}
	}
}

// anyGone reports whether a member of the view before is missing in the view after, or
// has been restarted.
func anyGone(before, after *ring.View) bool {
	return slices.ContainsFunc(before.Members(), func(m ring.Member) bool {
		now, ok := after.Member(m.ID)
		return !ok || now.Boot != m.Boot
	})
}
