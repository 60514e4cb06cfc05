package routefn

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/record"
)

// An outcome is what became of a push.
type outcome string

const (
	pushDone      outcome = "done"       // the node answered
	pushFailed    outcome = "failed"     // it did not answer, or not in time
	pushLeftAlone outcome = "left-alone" // it failed less than a second ago
	pushOverflow  outcome = "overflow"   // too much waited for it
	pushClosed    outcome = "closed"     // the route was closing
)

// commonCodes are the codes whose counters are there before the first of them:
// what an alert is likely to be about.
var commonCodes = []string{
	proto.OK.String(), proto.Invalid.String(), proto.Unauthorized.String(), proto.Unavailable.String(),
	proto.Unknown.String(), proto.Overloaded.String(), "panic",
}

type metrics struct {
	requests     *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	outcomes     *prometheus.CounterVec
	pushBatch    prometheus.Histogram
	pushSeconds  prometheus.Histogram
	gone         prometheus.Counter
	unproven     prometheus.Counter
	adopted      prometheus.Counter
	onlineMissed prometheus.Counter
	admissions   *prometheus.CounterVec

	delayedSent    prometheus.Counter
	delayedLate    prometheus.Histogram
	delayedLeft    prometheus.Counter
	delayedUntold  prometheus.Counter
	delayedDropped *prometheus.CounterVec

	work *prometheus.CounterVec
}

var (
	classNames = map[admission.Class]string{
		admission.Backlog: "backlog", admission.Sheddable: "sheddable", admission.Login: "login",
		admission.Normal: "normal", admission.Critical: "critical",
	}
	verdictNames = map[admission.Verdict]string{
		admission.Admitted: "admitted", admission.Slow: "slow", admission.Full: "full",
	}
)

// newMetrics makes the metrics and registers them, if there is where.
func newMetrics(r prometheus.Registerer, limiter *admission.Limiter) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_requests_total", Help: "Requests answered, by use case and code.",
		}, []string{"use_case", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cim_route_request_seconds", Help: "Time to answer a request.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"use_case"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_pushes_total", Help: "Items and kicks for nodes, by what became of them.",
		}, []string{"outcome"}),
		pushBatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_push_batch_items", Help: "Items and kicks in one push request.", Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		pushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_push_seconds", Help: "Time a node takes for a push request.", Buckets: prometheus.ExponentialBuckets(0.00025, 2, 12),
		}),
		gone: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_sessions_gone_total", Help: "Sessions closed because their node does not hold them.",
		}),
		adopted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_adopted_accounts_total", Help: "Accounts made again, with their ids, after the store had lost them.",
		}),
		unproven: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_unproven_sessions_total", Help: "Reports of nodes passed over because the session's ticket did not come to them.",
		}),
		onlineMissed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_online_nodes_missed_total", Help: "Nodes left out of a list of online users because they did not answer.",
		}),
		admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_admissions_total",
			Help: "Requests by class and verdict: admitted, refused because the store is slow, refused because the route is full.",
		}, []string{"class", "verdict"}),
		delayedSent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_sent_total", Help: "Delayed messages sent.",
		}),
		delayedLate: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_delayed_late_seconds", Help: "How long delayed messages had been due when they were sent, by the store's clock.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 11, 30, 60, 300}, // 11 s: after a death in the middle
		}),
		delayedLeft: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_left_total", Help: "Tries to send a delayed message that failed and are repeated.",
		}),
		delayedUntold: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_route_delayed_untold_total", Help: "Delayed messages scheduled for soon that no node could be told of, so that they may be late by half a minute.",
		}),
		delayedDropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_delayed_dropped_total", Help: "Delayed messages that could not be sent when they were due, by code.",
		}, []string{"code"}),
	}
	m.work = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_route_work_total", Help: "Jobs of the work queue that were taken, by kind and by how they ended.",
	}, []string{"kind", "verdict"})
	for _, verdict := range []record.Verdict{record.Done, record.Again, record.Failed, record.Dead, record.Left} {
		m.work.WithLabelValues(string(record.Sweeps), string(verdict))
	}
	for _, code := range []proto.Code{proto.UnknownUser, proto.UnknownGroup, proto.NotMember, proto.Invalid} {
		m.delayedDropped.WithLabelValues(code.String())
	}
	for _, class := range classNames {
		for _, verdict := range verdictNames {
			m.admissions.WithLabelValues(class, verdict)
		}
	}
	for _, u := range useCases {
		m.seconds.WithLabelValues(u.name)
		for _, code := range commonCodes {
			m.requests.WithLabelValues(u.name, code)
		}
	}
	for _, o := range []outcome{pushDone, pushFailed, pushLeftAlone, pushOverflow, pushClosed} {
		m.outcomes.WithLabelValues(string(o))
	}
	if r == nil {
		return m, nil
	}
	collectors := append(admissionGauges(limiter),
		m.requests, m.seconds, m.outcomes, m.pushBatch, m.pushSeconds, m.gone, m.unproven, m.adopted, m.onlineMissed, m.admissions,
		m.delayedSent, m.delayedLate, m.delayedLeft, m.delayedUntold, m.delayedDropped, m.work)
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the route: %w", err)
		}
	}
	return m, nil
}

// admissionGauges tell what the limiter thinks at the moment.
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

func (m *metrics) judged(class admission.Class, verdict admission.Verdict) {
	m.admissions.WithLabelValues(classNames[class], verdictNames[verdict]).Inc()
}

func (m *metrics) served(useCase, code string, took time.Duration) {
	m.requests.WithLabelValues(useCase, code).Inc()
	m.seconds.WithLabelValues(useCase).Observe(took.Seconds())
}

func (m *metrics) pushes(o outcome, n int) { m.outcomes.WithLabelValues(string(o)).Add(float64(n)) }

// delayed counts a message that was due: sent, or dropped with a code.
func (m *metrics) delayed(code proto.Code, late time.Duration) {
	if code != proto.OK {
		m.delayedDropped.WithLabelValues(code.String()).Inc()
		return
	}
	m.delayedSent.Inc()
	m.delayedLate.Observe(late.Seconds())
}
