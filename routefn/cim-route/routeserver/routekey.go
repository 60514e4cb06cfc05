package routeserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/record"
)

// sealPurpose is the purpose for which keys are derived from the cluster key, see
// ring.DeriveKey.
const sealPurpose = "route key in the store"

// issuer returns an issuer with the configured route keys. If none are configured, it
// uses the keys that routes keep in the store, and returns a Watch. So all routes have
// the same keys without configuration, and the Watch follows changes.
func (s *Server) issuer(ctx context.Context, f *Flags, cluster *ring.Keys) (*token.Issuer, *record.Watch, error) {
	keys, err := process.Keys("route-key", f.Key)
	if err != nil {
		return nil, nil, err
	}
	s.routeKey = &process.KeyFlag{Name: "route-key", Now: keys, Log: s.log, Audit: f.AuditLog}
	if len(keys) > 0 {
		issuer, err := token.NewIssuer(keys...)
		s.routeKey.Use = issuer.Set
		return issuer, nil, err
	}
	watch := s.keptKey(f, cluster)
	if _, err := watch.Look(ctx); err != nil {
		return nil, nil, fmt.Errorf("read route key: %w", explain(err))
	}
	s.tellKept(watch, cluster)
	issuer, err := token.NewIssuer(watch.RouteKeys()...)
	return issuer, watch, err
}

// keptKey returns the Watch of a route key in the store. With a cluster key, the route key
// is sealed. With -accept-cluster-key, a plain route key stays plain, so that routes of
// the previous version can read it.
func (s *Server) keptKey(f *Flags, cluster *ring.Keys) *record.Watch {
	if len(cluster.Derive(sealPurpose)) == 0 {
		return s.store.Watch(true)
	}
	seal := keyseal.New(func() [][]byte { return cluster.Derive(sealPurpose) })
	return s.store.SealedWatch(seal, f.Certs.AcceptToken)
}

// If the route key cannot be opened, explain adds to the error the flag that helps.
func explain(err error) error {
	switch {
	case errors.Is(err, keyseal.ErrNoKey):
		return fmt.Errorf("%w: want the -cluster-key of the other routes", err)
	case errors.Is(err, keyseal.ErrOtherKey):
		return fmt.Errorf("%w: want the -cluster-key of the other routes; while it is changed, the old and the new one", err)
	}
	return err
}

// tellKept logs once how the store keeps the route key.
func (s *Server) tellKept(watch *record.Watch, cluster *ring.Keys) {
	switch {
	case watch.Sealed():
		s.log.Info("the store keeps the route key, sealed under the cluster key")
	case len(cluster.Derive(sealPurpose)) > 0:
		s.log.Warn("the store keeps the route key in the clear until -accept-cluster-key is gone: whoever reads the store can be any user")
	default:
		s.log.Info("the store keeps the route key in the clear, because there is no cluster key")
	}
}
