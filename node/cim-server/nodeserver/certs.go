package nodeserver

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/process"
)

// checkIdentities checks that the node and a route in this process either both have an
// identity (a certificate) or both have none.
func (f *flags) checkIdentities() error {
	route := f.route.Certs.Identity
	switch {
	case route != "" && !f.withRoute:
		return fmt.Errorf("%w: -route-identity needs -with-route", process.ErrUsage)
	case f.withRoute && (f.certs.Identity == "") != (route == ""):
		return fmt.Errorf("%w: -with-route needs both -identity and -route-identity, or neither", process.ErrUsage)
	}
	return nil
}

// loadCerts reads the certificates of the node and of the route in this process. The
// node's id comes from its certificate, which also limits the node's weight.
func (f *flags) loadCerts() (*cert.Keyring, error) {
	certs, err := f.certs.Load(cert.Node, process.Clock())
	if err != nil || certs == nil {
		return nil, err
	}
	own := certs.Certificate()
	switch {
	case f.id == "":
		f.id = own.ID
	case f.id != own.ID:
		return nil, fmt.Errorf("%w: -id %s: the certificate of -identity is that of %s", process.ErrUsage, f.id, own.ID)
	}
	if f.weight > own.Weight {
		return nil, fmt.Errorf("%w: -weight %d: the certificate of -identity allows %d at most", process.ErrUsage, f.weight, own.Weight)
	}
	f.route.Certs.AcceptToken = f.certs.AcceptToken && f.withRoute
	return certs, f.route.LoadCerts()
}

// gate judges the requests of routes and operators. The parameter at is the address by
// which they call this node.
func (s *server) gate(at string) *cert.Gate {
	tokens := promauto.With(s.registry).NewCounter(prometheus.CounterOpts{
		Name: "cim_node_cluster_key_calls_total",
		Help: "Requests to this node accepted for the cluster key alone (-accept-cluster-key); a stream counts once.",
	})
	return &cert.Gate{Keys: s.certs, Self: at, AcceptToken: s.flags.certs.AcceptToken, OnToken: tokens.Inc, Log: s.log}
}
