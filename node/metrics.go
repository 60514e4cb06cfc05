package node

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto"
)

// metrics has the metrics of a Node, except those of its connections, which package
// link has.
type metrics struct {
	handshake       prometheus.Histogram
	pushed          prometheus.Counter
	gone            prometheus.Counter
	closingsDropped prometheus.Counter
	marksDropped    prometheus.Counter
	gaps            prometheus.Counter
	batch           *prometheus.HistogramVec // by call
	calls           *prometheus.CounterVec   // failed calls, by call
	differences     *prometheus.CounterVec   // by verdict
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{
		handshake: f.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_node_handshake_seconds", Help: "From a verified login to its confirmation by a route.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		pushed: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_push_items_total", Help: "Entries that routes pushed.",
		}),
		gone: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_push_gone_total", Help: "Sessions that were pushed to and are not here.",
		}),
		closingsDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_closings_dropped_total", Help: "Closings that no route took in time; pushes will find them gone.",
		}),
		marksDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_marks_dropped_total", Help: "Delivery marks not passed on: more at once than are kept, or to a client that lags.",
		}),
		gaps: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_group_gaps_total", Help: "Times that a group's entries were missing and pulled for its members.",
		}),
		batch: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cim_node_batch_items", Help: "Items of one request to a route.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"call"}),
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_node_calls_failed_total", Help: "Requests that no route answered.",
		}, []string{"call"}),
		differences: f.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_node_reconcile_differences_total", Help: "What reconciliation found, by verdict.",
		}, []string{"verdict"}),
	}
	for _, call := range []string{"report", "send", "reconcile", "pull", "move", "fire", "keys", "cim-offline"} {
		m.calls.WithLabelValues(call)
	}
	for verdict := range proto.Verdict_value {
		m.differences.WithLabelValues(verdict)
	}
	return m
}
