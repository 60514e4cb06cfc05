package nodeserver

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
)

// loadTLS reads the certificates. It returns the certificate authorities that calls to
// routes trust.
func (f *flags) loadTLS(log *slog.Logger) (*tlsfile.Trust, error) {
	if err := f.tls.Load(log); err != nil {
		return nil, err
	}
	trust, err := tlsfile.LoadTrust(f.routeCA, log)
	if err != nil {
		return nil, fmt.Errorf("%w: -route-tls-ca: %w", process.ErrUsage, err)
	}
	return trust, nil
}

// clientTLS returns the configuration of TLS for clients, or nil without a certificate.
// Nodes with the same cluster key resume each other's sessions.
func (s *server) clientTLS() *tls.Config {
	c := s.flags.tls.Clients()
	if c != nil {
		tlsfile.ShareTickets(c, func() [][]byte { return s.keys.Derive("tickets") })
	}
	return c
}

// readTrust reads again the certificate authorities that calls to routes trust. After an
// error the earlier ones stay in use.
func (s *server) readTrust() error {
	if err := s.routeTLS.Reload(); err != nil {
		return fmt.Errorf("read -route-tls-ca: %w", err)
	}
	return nil
}

// parseClientAt converts the value of -advertise-client to the form of
// ring.Member.Client: host:port, or the URL of a WebSocket with its port and its path.
func parseClientAt(value string) (string, error) {
	wrong := fmt.Errorf("%w: -advertise-client %q: want host:port, or wss://host:port/path", process.ErrUsage, value)
	if _, _, err := net.SplitHostPort(value); err == nil {
		if onAll(value) {
			return "", wrong
		}
		return value, nil
	}
	u, err := url.Parse(value)
	if err != nil || onAll(net.JoinHostPort(u.Hostname(), "")) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", wrong
	}
	port, known := map[string]string{"wss": "443", "ws": "80"}[u.Scheme]
	if !known {
		return "", wrong
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	if u.Path == "" {
		u.Path = proto.PathSocket
	}
	return u.String(), nil
}
