package nodeserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/ring"
)

// stateEvery is how soon a node that became ready takes users.
const stateEvery = 50 * time.Millisecond

// keepState publishes the state Serving once the node is ready, and Draining when it
// begins to drain. It returns after that, or when parts ends.
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

// ready returns why the node should get no users yet.
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

// errNeedsRoute is returned if there are only CIM's own routes, which have no keys of
// tickets. A node needs one of our routes.
var errNeedsRoute = errors.New("needs a cim-route: no route has returned the key that verifies tickets")

// After routesAway without an answer of any of our routes, the node takes no users of
// CIM's routes. A route that is restarted is back before that.
const routesAway = 15 * time.Second

// readyNow returns why the node should get no users. Besides what ready checks, it fails
// if no route has answered for routesAway.
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

// takesCIM reports whether CIM's routes may send users here. They know only the node's
// name in ZooKeeper.
func (s *server) takesCIM() bool {
	return s.gossip.Self().State == ring.Serving && s.readyNow() == nil
}

// watchRoutes logs once that all routes have gone, and once that one is back.
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
			continue // AwaitReady reports that
		}
		err := s.readyNow()
		switch now := err != nil; {
		case now && !missing:
			s.log.Warn("node is not ready", "err", err)
		case !now && missing:
			s.log.Info("a cim-route answers again")
		}
		missing = err != nil
	}
}

// elsewhere reports whether another member takes users, or will.
func (s *server) elsewhere() bool {
	return slices.ContainsFunc(s.table.Current().Members(), func(m ring.Member) bool {
		return m.ID != s.flags.id && m.State != ring.Draining
	})
}

// watchOthers starts a reconciliation when the node sees other members again after it
// saw none. They, and routes with them, may have removed it meanwhile. When a member is
// gone, it has a route send the delayed messages that are due, because perhaps only
// that member knew of some.
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

// anyGone reports whether a member of before, in that life of it, is not in after.
func anyGone(before, after *ring.View) bool {
	return slices.ContainsFunc(before.Members(), func(m ring.Member) bool {
		now, ok := after.Member(m.ID)
		return !ok || now.Boot != m.Boot
	})
}
