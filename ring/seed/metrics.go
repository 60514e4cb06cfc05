package seed

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	requests *prometheus.CounterVec // by result
	refused  prometheus.Counter
}

// newMetrics registers the metrics with r if r is not nil.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_seed_requests_total", Help: "Requests for a node's members, by result.",
		}, []string{"result"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_seed_refused_total", Help: "Members and loads without a valid MAC.",
		}),
	}
	for _, result := range []string{"changed", "unchanged", "failed"} {
		m.requests.WithLabelValues(result)
	}
	if r != nil {
		r.MustRegister(m.requests, m.refused)
	}
	return m
}
