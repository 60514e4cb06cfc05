package main

import (
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
)

// trust decides which certificates a command accepts.
type trust struct{ file string }

func (t *trust) register(fs *flag.FlagSet) {
	fs.StringVar(&t.file, "tls-ca", "", "`file` with the authorities that may have signed the certificates of routes and nodes;\nempty: those of the system")
}

// roots returns the certificate authorities, or nil for those of the system.
func (t *trust) roots() (*x509.CertPool, error) {
	if t.file == "" {
		return nil, nil
	}
	pool, err := tlsfile.Roots(t.file)
	if err != nil {
		return nil, fmt.Errorf("%w: -tls-ca: %w", process.ErrUsage, err)
	}
	return pool, nil
}

// client returns an HTTP client that trusts these certificate authorities.
func (t *trust) client() (*http.Client, error) {
	config, err := tlsfile.Client(t.file)
	if err != nil {
		return nil, fmt.Errorf("%w: -tls-ca: %w", process.ErrUsage, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return &http.Client{Transport: transport}, nil
}
