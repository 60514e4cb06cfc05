package cim

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	offlineWorkers = 8       // how many calls run at a time
	maxOffline     = 1 << 16 // how many users may wait for their report
	offlineTime    = 3 * time.Second
	offlineAsk     = time.Second      // bounds the call that asks a route of ours whether the user is elsewhere
	offlineGiveUp  = 30 * time.Second // a report is dropped this long after the connection ended
	offlineTell    = 10 * time.Second // between two lines of the log about dropped reports
	// offlineLast is the pause between the report and the end of the connection. A
	// message that CIM's route has sent before the report arrives in that time.
	offlineLast = 250 * time.Millisecond
)

// Hub holds the node's connections.
type Hub interface {
	// Has reports whether a connection of the user's device is here.
	Has(user int64, device string) bool
}

// Records compares sessions of this node with the store. A route does that.
type Records interface {
	Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
}

// Leaving is a session that will be ended. Its methods do not block.
type Leaving interface {
	// Open reports whether the session is open.
	Open() bool
	// Announce records that CIM's own routes know that the session ends.
	Announce()
	// GoAway closes the session's connection.
	GoAway()
}

// OfflineConfig is what an Offline needs. All fields are required but Registerer.
type OfflineConfig struct {
	// Call reports to one of CIM's own routes that a user has gone. It blocks until the
	// route has answered or ctx ends.
	Call    func(ctx context.Context, user int64, name string) error
	Hub     Hub
	Records Records

	Failed     prometheus.Counter    // calls that are made again
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger
}

// Offline reports to CIM's own routes that users have gone, as CIM's server does. Until
// such a report, a route of CIM keeps its record of the user and takes each login for a
// repeated one. An Offline is safe for concurrent use. A nil Offline has no routes to
// call.
//
// A call names only the user and no session, and deletes every record that CIM's route
// has of the user. A late call would delete the record of a newer login. So a call is
// made at once, and only while no newer CIM connection of the user is known, here or in
// the store. One case remains in which the call does harm: the user has logged in at
// CIM's route, and the new connection has not reached a node yet.
//
// All workers share one pause after a failure, because a failed route fails for every
// user.
type Offline struct {
	config OfflineConfig
	queue  chan departed
	ended  *prometheus.CounterVec // by outcome
	left   atomic.Int64           // how many users are queued or being reported

	mu      sync.Mutex
	retries routes.Backoff
	rest    time.Time // no call before this time
	dropped int       // how many reports were dropped since the last line of the log about that
	told    time.Time // when that line was written
}

// departed is a user whose CIM connection has ended or will be ended.
type departed struct {
	user    int64
	name    string
	number  int64 // the session's; zero: no route gave it one
	at      time.Time
	leaving Leaving // the session that will be ended; nil: it has ended
}

// NewOffline returns an Offline, or nil if c.Call is nil. It starts nothing.
func NewOffline(c OfflineConfig) *Offline {
	ended := promauto.With(c.Registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "cim_node_cim_offline_total",
		Help: "CIM connections that ended: their end was told to CIM's routes, not told as the user was back, or dropped.",
	}, []string{"outcome"})
	for _, outcome := range []string{"told", "back", "dropped"} {
		ended.WithLabelValues(outcome)
	}
	if c.Call == nil {
		return nil
	}
	return &Offline{config: c, ended: ended, queue: make(chan departed, maxOffline), retries: routes.Backoff{Most: time.Second}}
}

// Add queues a report to CIM's routes that the user's connection has ended. The parameter
// number is the session's number, or zero if no route gave the session one. Add never
// blocks.
func (o *Offline) Add(user int64, name string, number int64) {
	if o == nil {
		return
	}
	o.left.Add(1)
	o.push(departed{user: user, name: name, number: number, at: time.Now()})
}

// Leave queues a report to CIM's routes that a user leaves. A moment after the report,
// the node ends the user's connection. So messages that the routes accept before the
// report still reach the client. The routes keep later messages themselves. If no route
// answers, the connection ends after offlineTime, and the report is repeated. Leave never
// blocks.
func (o *Offline) Leave(s Leaving, user int64, name string) {
	if o == nil {
		s.GoAway()
		return
	}
	time.AfterFunc(offlineTime, s.GoAway)
	o.left.Add(1)
	o.push(departed{user: user, name: name, at: time.Now(), leaving: s})
}

func (o *Offline) push(d departed) {
	select {
	case o.queue <- d:
	default:
		o.drop("too many wait", nil)
	}
}

// Run makes the calls until ctx ends, or until ended is closed and no call is left.
func (o *Offline) Run(ctx context.Context, ended <-chan struct{}) {
	if o == nil {
		return
	}
	working, stop := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for range offlineWorkers {
		workers.Go(func() { o.work(working) })
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
	for ctx.Err() == nil && o.left.Load() > 0 {
		routes.Sleep(ctx, time.Now().Add(5*time.Millisecond))
	}
	stop()
	workers.Wait()
	for range len(o.queue) {
		<-o.queue
		o.drop("the node ends", nil)
	}
	o.flush()
}

func (o *Offline) work(ctx context.Context) {
	for {
		o.mu.Lock()
		rest := o.rest
		o.mu.Unlock()
		if time.Now().Before(rest) {
			routes.Sleep(ctx, rest)
		}
		select {
		case <-ctx.Done():
			return
		case d := <-o.queue:
			o.tell(ctx, d)
		}
	}
}

// tell tries once to report that a user has gone. If that fails, it queues the user
// again.
func (o *Offline) tell(ctx context.Context, d departed) {
	switch {
	case d.leaving != nil && !d.leaving.Open(): // the session has ended, and Add reports that
		o.left.Add(-1)
		return
	case time.Since(d.at) > offlineGiveUp:
		o.drop("too late", nil)
		return
	case d.leaving == nil && o.back(ctx, d):
		o.done("back")
		return
	}
	calling, cancel := context.WithTimeout(ctx, offlineTime)
	defer cancel()
	err := o.config.Call(calling, d.user, d.name)
	o.mu.Lock()
	if err == nil {
		o.retries.Reset()
		o.rest = time.Time{}
	} else {
		o.rest = o.retries.Next(err)
	}
	again := o.rest
	o.mu.Unlock()
	switch {
	case err == nil:
		o.done("told")
		if d.leaving != nil {
			d.leaving.Announce()
			time.AfterFunc(offlineLast, d.leaving.GoAway)
		}
	case d.leaving != nil: // Add reports the end of the session again
		o.left.Add(-1)
	case ctx.Err() != nil:
		o.drop("the node ends", err)
	case again.Sub(d.at) > offlineGiveUp:
		o.drop("no answer", err)
	default:
		o.config.Failed.Inc()
		o.push(d)
	}
}

// back reports whether a newer CIM connection of the user is known. It adds one to the
// session number in d, and asks a route about that number, as if this node held that
// session. If the store does not know the number, there is no newer connection. While no
// route of ours answers, only the connections here count.
func (o *Offline) back(ctx context.Context, d departed) bool {
	if o.config.Hub.Has(d.user, proto.CIMDevice) {
		return true
	}
	if d.number == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, offlineAsk)
	defer cancel()
	answer, err := o.config.Records.Reconcile(ctx, &proto.ReconcileRequest{
		Held: []*proto.Held{{User: d.user, Device: proto.CIMDevice, Number: d.number + 1}},
	})
	return err == nil && !slices.ContainsFunc(answer.Differences, func(d *proto.Difference) bool {
		return d.Verdict == proto.Verdict_UNKNOWN || proto.Code(d.Code) == proto.Crowded // the store does not have that session, so there is no newer connection
	})
}

func (o *Offline) done(outcome string) {
	o.left.Add(-1)
	o.ended.WithLabelValues(outcome).Inc()
}

// drop gives up the report about a user, and logs that now and then.
func (o *Offline) drop(why string, err error) {
	o.done("dropped")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped++
	if now := time.Now(); now.Sub(o.told) >= offlineTell {
		o.tellLocked(now, why, err)
	}
}

// flush logs what was dropped since the last line of the log.
func (o *Offline) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dropped > 0 {
		o.tellLocked(time.Now(), "the node ends", nil)
	}
}

func (o *Offline) tellLocked(now time.Time, why string, err error) {
	o.config.Logger.Warn("CIM's routes were not told that users have gone", "users", o.dropped, "reason", why, "err", err)
	o.dropped, o.told = 0, now
}
