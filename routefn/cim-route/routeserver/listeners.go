package routeserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
)

// Listeners has the open listeners of a route, before they are wrapped for TLS and for
// limits.
type Listeners struct {
	clients  net.Listener
	internal net.Listener // nil: the listener clients takes all requests
}

// Listen opens the listeners of a route. The parameter address is the address for clients.
// The parameter name is the flag that sets the address, and appears in errors.
func (f *Flags) Listen(name, address string) (*Listeners, error) {
	clients, err := process.Listen(name, address, false)
	if err != nil {
		return nil, err
	}
	l := &Listeners{clients: clients}
	if f.InternalAt() != "" {
		if l.internal, err = process.Listen("internal-listen", f.InternalAt(), false); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// all returns the listeners, with TLS if there are certificates.
func (l *Listeners) all(t *process.TLS) []net.Listener {
	list := []net.Listener{t.ListenClients(l.clients)}
	if l.internal != nil {
		list = append(list, t.ListenInternal(l.internal))
	}
	return list
}

// Close closes the listeners. Close twice is fine.
func (l *Listeners) Close() error {
	var errs error
	for _, listener := range []net.Listener{l.clients, l.internal} {
		if listener == nil {
			continue
		}
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// nodeTrust returns the certificate authorities for calls to nodes whose addresses begin
// with https://. It reads the file at the first call only. It must not be called
// concurrently.
func (f *Flags) nodeTrust(log *slog.Logger) (*tlsfile.Trust, error) {
	if f.trust != nil {
		return f.trust, nil
	}
	trust, err := tlsfile.LoadTrust(f.NodeCA, log)
	if err != nil {
		return nil, fmt.Errorf("%w: -node-tls-ca: %w", process.ErrUsage, err)
	}
	f.trust = trust
	return trust, nil
}

// guards returns the guards that judge requests of web pages, one for each listener. If
// there is no internal listener, its guard is nil.
func (f *Flags) guards(l *Listeners) (clients, internal *browser.Guard, err error) {
	if clients, err = f.Pages.Guard(l.clients.Addr().String(), f.Guard.Proxies, f.AuditLog); err != nil || l.internal == nil {
		return clients, nil, err
	}
	internal, err = f.Pages.Guard(l.internal.Addr().String(), nil, f.AuditLog)
	return clients, internal, err
}
