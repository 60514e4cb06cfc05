package redistest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// TLS is how servers speak TLS, to clients and among themselves, and nothing else. Make it
// with NewTLS. A nil TLS is plain.
type TLS struct {
	ca, cert, key string // files; servers and clients show the same certificate
	config        *tls.Config
	open          bool // clients need no certificate
}

// NewTLS makes a certificate of ca that servers have. With open, clients need none;
// otherwise they show the same.
func NewTLS(ca *localca.CA, open bool) (*TLS, error) {
	cert, key, err := ca.Issue("redis", "127.0.0.1", "localhost")
	if err != nil {
		return nil, err
	}
	config, err := tlsfile.Client(ca.File)
	if err != nil {
		return nil, err
	}
	pair, err := tlsfile.Load(cert, key, nil)
	if err != nil {
		return nil, fmt.Errorf("read certificate of redis-server: %w", err)
	}
	config.GetClientCertificate, config.ServerName = pair.Offer, "127.0.0.1"
	return &TLS{ca: ca.File, cert: cert, key: key, config: config, open: open}, nil
}

// ports are the arguments that open a port.
func (t *TLS) ports(port int) []string {
	if t == nil {
		return []string{"--port", strconv.Itoa(port)}
	}
	auth := "yes"
	if t.open {
		auth = "no"
	}
	return []string{
		"--port", "0", "--tls-port", strconv.Itoa(port), "--tls-ca-cert-file", t.ca, "--tls-cert-file", t.cert, "--tls-key-file", t.key,
		"--tls-auth-clients", auth, "--tls-replication", "yes", "--tls-cluster", "yes",
	}
}

// client returns the configuration of a client, or nil.
func (t *TLS) client() *tls.Config {
	if t == nil {
		return nil
	}
	return t.config
}

func (t *TLS) dial(ctx context.Context, address string) (net.Conn, error) {
	if t == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return (&tls.Dialer{Config: t.config}).DialContext(ctx, "tcp", address)
}

// url returns the URL of a store as record.Config takes it.
func (t *TLS) url(scheme, hosts, path string) string {
	if t == nil {
		return scheme + "://" + hosts + path
	}
	options := url.Values{"ca": {t.ca}}
	if !t.open {
		options.Set("cert", t.cert)
		options.Set("key", t.key)
	}
	return strings.Replace(scheme, "redis", "rediss", 1) + "://" + hosts + path + "?" + options.Encode()
}
