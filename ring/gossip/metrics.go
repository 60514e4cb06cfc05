package gossip

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	members       prometheus.Gauge
	refused       prometheus.Counter
	conflicts     prometheus.Counter
	disagreements prometheus.Counter
	joins         *prometheus.CounterVec // by result
}

// newMetrics registers the metrics with r if r is not nil.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		members: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cim_gossip_members", Help: "Living members that this node knows, including itself.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_gossip_refused_total", Help: "Messages about members without a valid MAC.",
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_gossip_conflicts_total", Help: "Messages about a second node with the id of another node.",
		}),
		disagreements: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cim_gossip_ring_disagreements_total",
			Help: "Exchanges with a peer whose ring had differed from ours for more than 30 s.",
		}),
		joins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_gossip_joins_total", Help: "Attempts to join an address, by result.",
		}, []string{"result"}),
	}
	m.joins.WithLabelValues("joined")
	m.joins.WithLabelValues("failed")
	if r != nil {
		r.MustRegister(m.members, m.refused, m.conflicts, m.disagreements, m.joins)
	}
	return m
}
