package report

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/node/standstill"
	"github.com/cim-go/cim/proto"
)

const (
	reconcileSteps = 30   // steps of one cycle; a step is a few shards of the hub
	maxHeld        = 1000 // the largest number of sessions in one request, and of groups
	// If a step begins stillTime later than planned, or takes that long and fails, the
	// process counts as having stood still.
	stillTime = 5 * time.Second
)

// NewWatch returns the watch for a Reconciler. The parameter cycle is the Reconciler's
// ReconcilerConfig.Every. After each step, the Reconciler records in the watch that the
// process runs.
func NewWatch(cycle time.Duration) *standstill.Watch {
	return standstill.New(cycle/reconcileSteps + stillTime)
}

// Records compares sessions of this node with the store. A route does that.
type Records interface {
	Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
}

// Holder has the node's sessions and groups, in hub.Shards parts.
type Holder interface {
	Held(shard int, list []*proto.Held) []*proto.Held
	Groups(shard int, list []int64) []int64
	Users() int
}

// Leases handles the routes' answers about the node's groups.
type Leases interface {
	// Leased handles an answer that renews the lease of a group. The parameter end is the
	// end of the group's log. The parameter left is the time at which the request left
	// the node.
	Leased(end *proto.Mark, left time.Time)
	// Lapsed handles an answer that the node has no lease of the group any more.
	Lapsed(group int64)
	// Sweep removes groups that are not needed any more.
	Sweep(now time.Time)
}

// Settler acts on a session that differs from its record in the store.
type Settler interface {
	Settle(d *proto.Difference)
	// Renew takes a new proof of a session. It does not block.
	Renew(h *proto.Held, proof []byte)
}

// ReconcilerConfig is what a Reconciler needs. All fields are required.
type ReconcilerConfig struct {
	Records Records
	Holder  Holder
	Leases  Leases
	Settler Settler
	Watch   *standstill.Watch // from NewWatch
	Every   time.Duration     // how long one cycle through everything takes

	Failed prometheus.Counter // counts requests without an answer
	Logger *slog.Logger
}

// Reconciler compares everything that the node holds with the store. A cycle takes
// ReconcilerConfig.Every and has 30 steps. A Reconciler is safe for concurrent use.
type Reconciler struct {
	config ReconcilerConfig
	now    chan struct{} // of size 1: do all steps at once

	// Owned by Run.
	step int
}

// NewReconciler starts nothing.
func NewReconciler(c ReconcilerConfig) *Reconciler {
	return &Reconciler{config: c, now: make(chan struct{}, 1)}
}

// Sure reports whether the node may rely on the connections that it holds. It returns
// false if the process may have stood still. In that time, clients may have gone to other
// nodes, and sent there the messages that wait here. So the node has to reconcile first.
func (r *Reconciler) Sure(now time.Time) bool { return r.config.Watch.Sure(now) }

// Hurry starts a reconciliation of everything. It does not block.
func (r *Reconciler) Hurry() {
	select {
	case r.now <- struct{}{}:
	default:
	}
}

// Run reconciles until ctx ends. If the process stood still (see stillTime), it does
// all steps at once, because other nodes may have taken over its users.
func (r *Reconciler) Run(ctx context.Context) {
	ticks := time.NewTicker(r.config.Every / reconcileSteps)
	defer ticks.Stop()
	pause := routes.Backoff{Most: 2 * time.Second}
	var failing time.Time // since when no route has answered; zero: the last round succeeded
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
		err := r.round(ctx, all || !r.Sure(start))
		if err == nil {
			pause.Reset()
			if !all && !failing.IsZero() && start.Sub(failing) > r.config.Every {
				r.Hurry() // the leases and proofs of all steps may have expired, and not only those of this step
			}
			failing = time.Time{}
			continue
		}
		if failing.IsZero() {
			failing = start
		}
		if all || standstill.Elapsed(start, time.Now()) > stillTime {
			r.Hurry()
		}
		pause.Wait(ctx, err)
	}
}

// round does the next step, or all steps if all is true. If no route answers a step,
// round returns the error, and the next round repeats that step.
func (r *Reconciler) round(ctx context.Context, all bool) error {
	sure, still := r.Sure(time.Now()), true // still is true as long as no step took longer than stillTime
	steps := 1
	if all {
		steps, r.step = reconcileSteps, 0
	}
	for range steps {
		begun := time.Now()
		err := r.doStep(ctx, r.step)
		still = still && standstill.Elapsed(begun, time.Now()) <= stillTime
		if sure && still {
			r.config.Watch.Vouch(time.Now())
		}
		if err != nil {
			return err
		}
		r.step = (r.step + 1) % reconcileSteps
	}
	if all && still {
		r.config.Watch.Vouch(time.Now())
	}
	return nil
}

// doStep goes through the step's shards and renews the leases of their groups. The
// first step of a cycle also renews the lease of the group of everyone, as long as a
// user is here.
func (r *Reconciler) doStep(ctx context.Context, step int) error {
	var held []*proto.Held
	var groups []int64
	for shard := step * hub.Shards / reconcileSteps; shard < (step+1)*hub.Shards/reconcileSteps; shard++ {
		held = r.config.Holder.Held(shard, held)
		groups = r.config.Holder.Groups(shard, groups)
	}
	everyone := step == 0 && r.config.Holder.Users() > 0
	if step == 0 {
		r.config.Leases.Sweep(time.Now())
	}
	for everyone || len(held) > 0 || len(groups) > 0 {
		n, m := min(len(held), maxHeld), min(len(groups), maxHeld)
		request := &proto.ReconcileRequest{Held: held[:n], Groups: everyone, Renew: groups[:m]}
		if err := r.compare(ctx, request); err != nil {
			return err
		}
		held, groups, everyone = held[n:], groups[m:], false
	}
	return nil
}

// compare makes one request and acts on each difference in the answer.
func (r *Reconciler) compare(ctx context.Context, request *proto.ReconcileRequest) error {
	left := time.Now()
	answer, err := r.config.Records.Reconcile(ctx, request)
	if err != nil {
		r.config.Failed.Inc()
		r.config.Logger.Warn("reconcile failed", "err", err)
		return err
	}
	for _, d := range answer.Differences {
		r.config.Settler.Settle(d)
	}
	for i, proof := range answer.Proofs {
		if i < len(request.Held) && len(proof) > 0 {
			r.config.Settler.Renew(request.Held[i], proof)
		}
	}
	for _, mark := range answer.Groups {
		r.config.Leases.Leased(mark, left)
	}
	for _, group := range answer.Lapsed {
		r.config.Leases.Lapsed(group)
	}
	return nil
}
