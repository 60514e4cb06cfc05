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

// TLS makes servers speak TLS only, with clients and with each other. Make it with
// NewTLS. A nil TLS means plain connections.
type TLS struct {
	ca, cert, key string // names of files; servers and clients show the same certificate
	config        *tls.Config
	open          bool // clients need no certificate
}

// NewTLS makes a certificate for the servers, signed by the authority ca. If open is set,
// clients need no certificate. Otherwise they show the servers' certificate, too.
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

// ports returns the arguments that make a server listen on the port, with TLS or without.
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

// client returns the TLS configuration of a client, or nil.
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

// url returns the URL of a store for record.Config, with the options for TLS.
func (t *TLS) url(scheme, password, hosts, path string) string {
	if password != "" {
		hosts = url.UserPassword("", password).String() + "@" + hosts
	}
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
