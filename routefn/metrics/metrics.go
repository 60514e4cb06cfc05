package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record/queue"
)

// commonCodes are the codes whose counters exist from the start, with the value zero,
// because alerts are likely to use them.
var commonCodes = []string{
	proto.OK.String(), proto.Invalid.String(), proto.Unauthorized.String(), proto.Unavailable.String(),
	proto.Unknown.String(), proto.Overloaded.String(), "panic",
}

// Metrics counts and times what a route does. Make it with New. It is safe for concurrent
// use.
type Metrics struct {
	Requests     *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	Outcomes     *prometheus.CounterVec
	pushBatch    prometheus.Histogram
	pushSeconds  prometheus.Histogram
	Gone         prometheus.Counter
	Crowded      prometheus.Counter
	TokenCalls   prometheus.Counter
	Unproven     prometheus.Counter
	Adopted      prometheus.Counter
	OnlineMissed prometheus.Counter
	Replayed     prometheus.Counter
	Admissions   *prometheus.CounterVec

	DelayedSent    prometheus.Counter
	delayedLate    prometheus.Histogram
	DelayedRetried prometheus.Counter
	DelayedUntold  prometheus.Counter
	DelayedDropped *prometheus.CounterVec

	work *prometheus.CounterVec

	passwords passwordMetrics
}

var (
	classNames = map[admission.Class]string{
		admission.Backlog: "backlog", admission.Sheddable: "sheddable", admission.Login: "login",
		admission.Normal: "normal", admission.Critical: "critical",
	}
	verdictNames = map[admission.Verdict]string{
		admission.Admitted: "admitted", admission.Slow: "slow", admission.Full: "full",
		admission.OverShare: "over-share", admission.Braked: "braked",
	}
)

// New makes the metrics and registers them with r unless r is nil.
func New(r prometheus.Registerer, limiter *admission.Limiter) (*Metrics, error) {
	m := &Metrics{
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_requests_total", Help: "Requests answered, by use case and code.",
		}, []string{"use_case", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cim_route_request_seconds", Help: "Time to answer a request.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"use_case"}),
		Outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_pushes_total", Help: "Items and kicks for nodes, by what became of them.",
		}, []string{"outcome"}),
		pushBatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_push_batch_items", Help: "Items and kicks in one push request.", Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		pushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_push_seconds", Help: "Time a node takes for a push request.", Buckets: prometheus.ExponentialBuckets(0.00025, 2, 12),
		}),
		Gone: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_sessions_gone_total", Help: "Sessions closed because their node does not hold them.",
		}),
		Crowded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_crowded_total",
			Help: "Requests without a token refused because too many of their address were sending their bodies.",
		}),
		TokenCalls: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_cluster_key_calls_total",
			Help: "Requests of nodes accepted for the cluster key alone (-accept-cluster-key); a stream counts once.",
		}),
		Adopted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_adopted_accounts_total", Help: "Accounts made again, with their ids, after the store had lost them.",
		}),
		Unproven: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_unproven_sessions_total", Help: "Reports of nodes passed over because the session's ticket did not come to them.",
		}),
		Replayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_refresh_replays_total", Help: "Sessions ended because a refresh token came again after its successor was used.",
		}),
		OnlineMissed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_online_nodes_missed_total", Help: "Nodes left out of a list of online users because they did not answer.",
		}),
		Admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_admissions_total",
			Help: "Requests by class and verdict: admitted, refused because the store is slow, refused because the route is full.",
		}, []string{"class", "verdict"}),
		DelayedSent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_sent_total", Help: "Delayed messages sent.",
		}),
		delayedLate: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_delayed_late_seconds", Help: "How long delayed messages had been due when they were sent, by the store's clock.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 11, 30, 60, 300}, // 11 s: after a route died while it was sending
		}),
		DelayedRetried: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_left_total", Help: "Tries to send a delayed message that failed and are repeated.",
		}),
		DelayedUntold: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_untold_total", Help: "Delayed messages scheduled for soon that no node could be told of, so that they may be late by half a minute.",
		}),
		DelayedDropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_delayed_dropped_total", Help: "Delayed messages that could not be sent when they were due, by code.",
		}, []string{"code"}),
	}
	m.work = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_route_work_total", Help: "Jobs of the work queue that were taken, by kind and by how they ended.",
	}, []string{"kind", "verdict"})
	for _, verdict := range []queue.Verdict{queue.Done, queue.Again, queue.Failed, queue.Dead, queue.Left} {
		m.work.WithLabelValues(string(queue.Sweeps), string(verdict))
	}
	for _, code := range []proto.Code{proto.UnknownUser, proto.UnknownGroup, proto.NotMember, proto.Invalid} {
		m.DelayedDropped.WithLabelValues(code.String())
	}
	for _, class := range classNames {
		for _, verdict := range verdictNames {
			m.Admissions.WithLabelValues(class, verdict)
		}
	}
	for _, o := range []push.Outcome{push.Done, push.Failed, push.LeftAlone, push.Overflow, push.Closed} {
		m.Outcomes.WithLabelValues(string(o))
	}
	m.passwords = newPasswordMetrics()
	if r == nil {
		return m, nil
	}
	collectors := append(admissionGauges(limiter), m.passwords.hashWait, m.passwords.refused, m.passwords.foreign,
		m.Requests, m.seconds, m.Outcomes, m.pushBatch, m.pushSeconds, m.Gone, m.Crowded, m.TokenCalls, m.Unproven, m.Adopted, m.OnlineMissed,
		m.Replayed, m.Admissions,
		m.DelayedSent, m.delayedLate, m.DelayedRetried, m.DelayedUntold, m.DelayedDropped, m.work)
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the route: %w", err)
		}
	}
	return m, nil
}

// admissionGauges returns gauges of the limiter's present state.
func admissionGauges(limiter *admission.Limiter) []prometheus.Collector {
	gauges := []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_route_in_flight", Help: "Requests being served.",
	}, func() float64 { return float64(limiter.InFlight()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_route_waiting", Help: "Logins and reads of old pages that wait for their turn.",
	}, func() float64 { return float64(limiter.Waiting()) })}
	for class, name := range classNames {
		gauges = append(gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cim_route_admission_limit", Help: "Requests in flight beyond which one of the class is refused; -1: none is.",
			ConstLabels: prometheus.Labels{"class": name},
		}, func() float64 { return float64(limiter.Limit(class)) }))
	}
	return gauges
}

// Judged counts the decisions of load shedding.
func (m *Metrics) Judged(class admission.Class, verdict admission.Verdict) {
	m.Admissions.WithLabelValues(classNames[class], verdictNames[verdict]).Inc()
}

// Served counts a request and its time.
func (m *Metrics) Served(useCase, code string, took time.Duration) {
	m.Requests.WithLabelValues(useCase, code).Inc()
	m.seconds.WithLabelValues(useCase).Observe(took.Seconds())
}

// Expect makes the metrics of a use case before its first request, with the value zero.
func (m *Metrics) Expect(useCase string) {
	m.seconds.WithLabelValues(useCase)
	for _, code := range commonCodes {
		m.Requests.WithLabelValues(useCase, code)
	}
}

// Pushes implements push.Observer.
func (m *Metrics) Pushes(o push.Outcome, n int) {
	m.Outcomes.WithLabelValues(string(o)).Add(float64(n))
}

// PushRequest implements push.Observer.
func (m *Metrics) PushRequest(pushes int, took time.Duration) {
	m.pushBatch.Observe(float64(pushes))
	m.pushSeconds.Observe(took.Seconds())
}

// SessionsGone implements push.Observer.
func (m *Metrics) SessionsGone(n int) { m.Gone.Add(float64(n)) }

// DelayedOver implements delayed.Observer.
func (m *Metrics) DelayedOver(code proto.Code, late time.Duration) {
	if code != proto.OK {
		m.DelayedDropped.WithLabelValues(code.String()).Inc()
		return
	}
	m.DelayedSent.Inc()
	m.delayedLate.Observe(late.Seconds())
}

// DelayedLeft implements delayed.Observer.
func (m *Metrics) DelayedLeft() { m.DelayedRetried.Inc() }

// WorkEnded implements delayed.Observer.
func (m *Metrics) WorkEnded(kind queue.Kind, verdict queue.Verdict) {
	m.work.WithLabelValues(string(kind), string(verdict)).Inc()
}
