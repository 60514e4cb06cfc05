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
	reconcileSteps = 30   // of one cycle; a step is a few shards of the hub
	maxHeld        = 1000 // sessions in one request
	// If a tick is late by stillTime, or a step takes that long and fails, the process
	// stood still.
	stillTime = 5 * time.Second
)

// NewWatch returns the watch of a Reconciler that goes through everything once in the
// time every. After each step, the Reconciler records there that the process runs.
func NewWatch(every time.Duration) *standstill.Watch {
	return standstill.New(every/reconcileSteps + stillTime)
}

// Records compares sessions with the records of the routes.
type Records interface {
	Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
}

// Holder holds the node's sessions and groups, in hub.Shards parts.
type Holder interface {
	Held(shard int, list []*proto.Held) []*proto.Held
	Groups(shard int, list []int64) []int64
	Users() int
}

// Leases handles the routes' answers about the node's groups.
type Leases interface {
	// Leased handles an answer that a log ends at a mark. The request left at a time.
	Leased(end *proto.Mark, left time.Time)
	// Lapsed handles an answer that the node has no lease of the group.
	Lapsed(group int64)
	// Sweep forgets groups that are not needed any more.
	Sweep(now time.Time)
}

// Settler acts on a session whose record at the routes differs.
type Settler interface {
	Settle(d *proto.Difference)
}

// ReconcilerConfig is what a Reconciler needs. All fields are required.
type ReconcilerConfig struct {
	Records Records
	Holder  Holder
	Leases  Leases
	Settler Settler
	Watch   *standstill.Watch // of NewWatch
	Every   time.Duration     // to go through everything once

	Failed prometheus.Counter // requests without an answer
	Logger *slog.Logger
}

// Reconciler compares everything that the node holds with the routes' records, one step
// in each thirtieth of ReconcilerConfig.Every. It is safe for concurrent use.
type Reconciler struct {
	config ReconcilerConfig
	now    chan struct{} // holds one: go through everything at once

	// Owned by Run.
	step int
}

// NewReconciler starts nothing.
func NewReconciler(c ReconcilerConfig) *Reconciler {
	return &Reconciler{config: c, now: make(chan struct{}, 1)}
}

// Sure reports whether the node may act on the state that it has. If the process may have
// stood still, its clients may have gone to other nodes, and sent again there the
// messages that wait here. Then the node has to reconcile first.
func (r *Reconciler) Sure(now time.Time) bool { return r.config.Watch.Sure(now) }

// Hurry starts a reconciliation of everything. It does not block.
func (r *Reconciler) Hurry() {
	select {
	case r.now <- struct{}{}:
	default:
	}
}

// Run reconciles until ctx ends. A tick that comes late by stillTime, or a step that
// takes that long and fails, shows that the process stood still. Then other nodes may
// have taken over its users.
func (r *Reconciler) Run(ctx context.Context) {
	ticks := time.NewTicker(r.config.Every / reconcileSteps)
	defer ticks.Stop()
	pause := routes.Backoff{Most: 2 * time.Second}
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
			continue
		}
		if all || standstill.Elapsed(start, time.Now()) > stillTime {
			r.Hurry()
		}
		pause.Wait(ctx, err)
	}
}

// round does the next step, or all of them. If no route answers a step, round returns the
// error, and the next round does that step again.
func (r *Reconciler) round(ctx context.Context, all bool) error {
	sure, still := r.Sure(time.Now()), true // still: every step was short
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

// compare makes one request and acts on the answer.
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
	for _, mark := range answer.Groups {
		r.config.Leases.Leased(mark, left)
	}
	for _, group := range answer.Lapsed {
		r.config.Leases.Lapsed(group)
	}
	return nil
}
