package node

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/proto"
)

// Reconciliation compares everything the node holds with the records, in steps:
// one step each thirtieth of Config.ReconcileEvery, a few shards of the hub at a
// time.
const (
	reconcileSteps = 30
	maxHeld        = 1000 // sessions in one request
	pauseIs        = 5 * time.Second
)

type reconciler struct {
	node *Node
	now  chan struct{} // holds one: go through everything at once

	// Owned by run.
	step int

	surely atomic.Pointer[time.Time] // until when the process is known not to have stood still, or to have reconciled since
}

func newReconciler(n *Node) *reconciler {
	r := &reconciler{node: n, now: make(chan struct{}, 1)}
	r.vouch()
	return r
}

func (r *reconciler) every() time.Duration { return r.node.config.ReconcileEvery / reconcileSteps }

func (r *reconciler) vouch() {
	now := time.Now()
	r.surely.Store(&now)
}

// sure reports whether what the node holds can be acted on for others. If it may
// have stood still, its connections may have gone elsewhere and said there again
// what waits here: then it has to reconcile first.
func (r *reconciler) sure(now time.Time) bool {
	return elapsed(*r.surely.Load(), now) <= r.every()+pauseIs
}

// hurry makes the reconciler go through everything now.
func (r *reconciler) hurry() {
	select {
	case r.now <- struct{}{}:
	default:
	}
}

// run reconciles until ctx ends. A tick that comes late by pauseIs, or a step
// that takes that long and fails, shows that the process stood still: others may
// have acted without it.
func (r *reconciler) run(ctx context.Context) {
	ticks := time.NewTicker(r.every())
	defer ticks.Stop()
	pause := backoff{most: 2 * time.Second}
	for {
		all := false
		select {
		case <-ctx.Done():
			return
		case <-r.now:
			all = true
		case <-ticks.C:
		}
		start := time.Now()
		err := r.round(ctx, all || !r.sure(start))
		if err == nil {
			pause.reset()
			continue
		}
		if all || elapsed(start, time.Now()) > pauseIs {
			r.hurry()
		}
		pause.wait(ctx, err)
	}
}

// elapsed is the larger of what the monotonic and the wall clock say: one of
// them stands still while a machine sleeps.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// round does the next step, or all of them. The error is that of a step that no
// route answered, which is done again.
func (r *reconciler) round(ctx context.Context, all bool) error {
	sure, still := r.sure(time.Now()), true // still: every step was short
	steps := 1
	if all {
		steps, r.step = reconcileSteps, 0
	}
	for range steps {
		begun := time.Now()
		err := r.doStep(ctx, r.step)
		still = still && elapsed(begun, time.Now()) <= pauseIs
		if sure && still {
			r.vouch()
		}
		if err != nil {
			return err
		}
		r.step = (r.step + 1) % reconcileSteps
	}
	if all && still {
		r.vouch()
	}
	return nil
}

// doStep goes through the step's shards and renews the leases of their groups. The
// first step of a cycle also renews that of everyone, as long as anybody is here.
func (r *reconciler) doStep(ctx context.Context, step int) error {
	var held []*proto.Held
	var groups []int64
	for shard := step * hub.Shards / reconcileSteps; shard < (step+1)*hub.Shards/reconcileSteps; shard++ {
		held = r.node.hub.Held(shard, held)
		groups = r.node.hub.Groups(shard, groups)
	}
	everyone := step == 0 && r.node.hub.Users() > 0
	if step == 0 {
		r.node.relays.sweep(time.Now())
	}
	for everyone || len(held) > 0 || len(groups) > 0 {
		n, m := min(len(held), maxHeld), min(len(groups), maxHeld)
		request := &proto.ReconcileRequest{Held: held[:n], Groups: everyone, Renew: groups[:m]}
		if err := r.ask(ctx, request); err != nil {
			return err
		}
		held, groups, everyone = held[n:], groups[m:], false
	}
	return nil
}

func (r *reconciler) ask(ctx context.Context, request *proto.ReconcileRequest) error {
	request.Origin = r.node.origin
	ctx, cancel := context.WithTimeout(ctx, r.node.config.CallTimeout)
	defer cancel()
	left := time.Now()
	answer, err := r.node.config.Route.Reconcile(ctx, request)
	if err != nil {
		r.node.metrics.calls.WithLabelValues("reconcile").Inc()
		r.node.log.Warn("reconcile failed", "err", err)
		return err
	}
	for _, d := range answer.Differences {
		r.node.settle(d)
	}
	for _, mark := range answer.Groups {
		relay := r.node.relays.of(mark.Log)
		relay.observe(mark)
		relay.leasedAt(left)
	}
	for _, group := range answer.Lapsed { // one is enough: the answer enters the node again
		r.node.relays.of(group).leasedAt(time.Time{})
		for _, s := range r.node.hub.Members(group, 1) {
			r.node.reporter.open(s)
		}
	}
	return nil
}

// settle acts on what a route knows otherwise.
func (n *Node) settle(d *proto.Difference) {
	n.metrics.differences.WithLabelValues(d.Verdict.String()).Inc()
	s, ok := n.hub.Find(d.User, d.Device, d.Number)
	if !ok {
		return // closed since we asked
	}
	switch d.Verdict {
	case proto.Verdict_DISPLACED:
		s.evict(cmp.Or(proto.Code(d.Code), proto.Replaced))
	case proto.Verdict_UNKNOWN, proto.Verdict_GROUPS:
		n.reporter.open(s)
	case proto.Verdict_BEHIND:
		if d.Newest != nil {
			s.heard([]*proto.Mark{d.Newest})
			s.tell(d.Newest)
		}
	}
}
