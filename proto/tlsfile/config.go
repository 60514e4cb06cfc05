package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// suites has the suites of TLS 1.2 that are accepted. Go's default also has suites with
// CBC, on which there were many attacks. In TLS 1.3 no suite has to be left out.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Server returns the configuration of a server with the certificate of p.
func (p *Pair) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current(), nil },
	}
}

// Client returns the configuration of a client that trusts only the authorities in the
// file ca. If ca is empty, it trusts those of the system. The file is read only once. A
// program that runs for a long time should use a Trust instead.
func Client(ca string) (*tls.Config, error) {
	t, err := LoadTrust(ca, nil)
	if err != nil {
		return nil, err
	}
	return t.Client(), nil
}

// Roots returns the authorities in a file of certificates in PEM form. If path is empty,
// it returns nil, which means the authorities of the system.
func Roots(path string) (*x509.CertPool, error) {
	t, err := LoadTrust(path, nil)
	if err != nil {
		return nil, err
	}
	return t.pool, nil
}

// rootsIn returns the authorities in the content of the file path.
func rootsIn(content []byte, path string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%w in %s", errNoCertificate, path)
	}
	return pool, nil
}

var errNoCertificate = errors.New("there is no certificate")
