// Package metrics has the metrics of a node, except those of its connections, which package
// link has.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto"
)

// Metrics of one node. Make them with New.
type Metrics struct {
	Handshake       prometheus.Histogram
	Pushed          prometheus.Counter
	Gone            prometheus.Counter
	ClosingsDropped prometheus.Counter
	MarksDropped    prometheus.Counter
	Gaps            prometheus.Counter
	Batch           *prometheus.HistogramVec // by call
	Calls           *prometheus.CounterVec   // failed calls, by call
	Differences     *prometheus.CounterVec   // by verdict
}

// New returns metrics that are registered with r. A nil r registers none.
func New(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		Handshake: f.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_node_handshake_seconds", Help: "From a verified login to its confirmation by a route.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		Pushed: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_push_items_total", Help: "Entries that routes pushed.",
		}),
		Gone: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_push_gone_total", Help: "Sessions that were pushed to and are not here.",
		}),
		ClosingsDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_closings_dropped_total", Help: "Closings that no route took in time; pushes will find them gone.",
		}),
		MarksDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_marks_dropped_total", Help: "Delivery marks not passed on: more at once than are kept, or to a client that lags.",
		}),
		Gaps: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_group_gaps_total", Help: "Times that a group's entries were missing and pulled for its members.",
		}),
		Batch: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cim_node_batch_items", Help: "Items of one request to a route.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"call"}),
		Calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_node_calls_failed_total", Help: "Requests that no route answered.",
		}, []string{"call"}),
		Differences: f.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_node_reconcile_differences_total", Help: "What reconciliation found, by verdict.",
		}, []string{"verdict"}),
	}
	for _, call := range []string{"report", "send", "reconcile", "pull", "move", "fire", "keys", "cim-offline"} {
		m.Calls.WithLabelValues(call)
	}
	for verdict := range proto.Verdict_value {
		m.Differences.WithLabelValues(verdict)
	}
	return m
}
