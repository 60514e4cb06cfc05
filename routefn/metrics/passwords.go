package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/identity/jwt"
)

type passwordMetrics struct {
	hashWait prometheus.Histogram
	refused  *prometheus.CounterVec
	foreign  *prometheus.CounterVec // refused tokens of another system
}

func newPasswordMetrics() passwordMetrics {
	p := passwordMetrics{
		hashWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cim_route_password_hash_wait_seconds", Help: "How long passwords waited for their turn; the count is of passwords hashed.",
			Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 2, 4},
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cim_route_password_refusals_total",
			Help: "Logins and registrations refused before a password was hashed: too many wrong ones for the account or from the address, too many registrations from the address, too many passwords that wait.",
		}, []string{"reason"}),
	}
	p.foreign = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_route_jwt_refusals_total", Help: "Logins refused for their JWT, by reason.",
	}, []string{"reason"})
	for _, why := range jwt.Reasons() {
		p.foreign.WithLabelValues(string(why))
	}
	for _, why := range identity.Reasons() {
		p.refused.WithLabelValues(string(why))
	}
	return p
}

// PasswordHashed implements identity.Observer.
func (m *Metrics) PasswordHashed(waited time.Duration) {
	m.passwords.hashWait.Observe(waited.Seconds())
}

// PasswordRefused implements identity.Observer.
func (m *Metrics) PasswordRefused(why identity.Reason) {
	m.passwords.refused.WithLabelValues(string(why)).Inc()
}

// TokenRefused implements identity.Observer.
func (m *Metrics) TokenRefused(why jwt.Reason) {
	m.passwords.foreign.WithLabelValues(string(why)).Inc()
}
