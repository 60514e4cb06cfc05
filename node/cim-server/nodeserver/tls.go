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

// loadTLS reads the certificates, and returns the configuration for calls to routes.
func (f *flags) loadTLS(log *slog.Logger) (*tls.Config, error) {
	if err := f.tls.Load(log); err != nil {
		return nil, err
	}
	config, err := tlsfile.Client(f.routeCA)
	if err != nil {
		return nil, fmt.Errorf("%w: -route-tls-ca: %w", process.ErrUsage, err)
	}
	return config, nil
}

// parseClientAt converts the value of -advertise-client to the form of
// ring.Member.Client: host:port, or the URL of a WebSocket with its port and its path.
func parseClientAt(value string) (string, error) {
	wrong := fmt.Errorf("%w: -advertise-client %q: want host:port, or wss://host:port/path", process.ErrUsage, value)
	if _, _, err := net.SplitHostPort(value); err == nil {
		return value, nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
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
