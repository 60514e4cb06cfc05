package program

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

// keepState takes users once the node is ready, and says that it leaves as soon
// as it drains; parts end after that.
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

// waitReady reports false if the node leaves before it is ready.
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

// ready says why the node should get no users yet.
func (s *server) ready() error {
	if ok, reason := s.gossip.Ready(); !ok {
		return errors.New(reason)
	}
	if !s.verifier.Ready() {
		err := errors.New("no route has told the key that tickets are verified with")
		if why := s.keysMissing.Load(); why != nil {
			err = fmt.Errorf("%w: %w", err, *why)
		}
		return err
	}
	return nil
}

// elsewhere reports whether another member takes users, or will.
func (s *server) elsewhere() bool {
	return slices.ContainsFunc(s.table.Current().Members(), func(m ring.Member) bool {
		return m.ID != s.flags.id && m.State != ring.Draining
	})
}

// watchOthers goes through everything the node holds when it sees others again
// after it saw none: they may have given it up meanwhile, and routes with them. When
// one is gone it has a route asked what is due, which perhaps only that one knew.
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
