package op

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// storeBuckets are buckets in seconds, from one round trip on one machine, 0.1 ms, to
// more than the default of Config.ReadTimeout.
var storeBuckets = []float64{.0001, .0002, .0005, .001, .002, .005, .01, .03, .1, .3, 1, 3}

// metrics has the metrics of a DB. No field is nil, even if the metrics are not
// registered.
type metrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec

	replicated   prometheus.Histogram
	unreplicated prometheus.Counter
}

// newMetrics registers the metrics. The parameter operations has values of the label op.
func newMetrics(r prometheus.Registerer, operations []string) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cim_store_seconds",
			Help:    "Time of one call to the store, which may be a batch and may take more than one round trip.",
			Buckets: storeBuckets,
		}, []string{"op"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_store_errors_total",
			Help: "Operations that failed: unavailable (not executed) or unknown (perhaps executed).",
		}, []string{"op", "class"}),
		replicated: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cim_store_replicated_seconds",
			Help:    "Time of one batch of appends and of looks at what is to be shown, with the WAIT at its end, until replicas had it or too much time had passed.",
			Buckets: storeBuckets,
		}),
		unreplicated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_store_unreplicated_total",
			Help: "Appends whose outcome is unknown, and looks at what was to be shown, because too few replicas had it in time.",
		}),
	}
	for _, op := range operations {
		m.seconds.WithLabelValues(op)
		for _, class := range []string{"unavailable", "unknown"} {
			m.errors.WithLabelValues(op, class)
		}
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.seconds, m.errors, m.replicated, m.unreplicated} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the store: %w", err)
		}
	}
	return m, nil
}

// observe counts one call, and those of its operations that failed.
func (m *metrics) observe(name string, start time.Time, ops []*Op) {
	m.seconds.WithLabelValues(name).Observe(time.Since(start).Seconds())
	for _, o := range ops {
		if o.Err != nil {
			m.errors.WithLabelValues(name, class(o.Err)).Inc()
		}
	}
}
