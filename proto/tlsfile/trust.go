package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
)

// Trust has the authorities that a client accepts. They are in a file, which is read
// again when its content changes, so that changing an authority needs no restart. The new
// content applies to new connections. Open connections stay open.
//
// A nil Trust, or one without a file, means the authorities of the system. A Trust is
// safe for concurrent use.
type Trust struct {
	*watched                // nil: the authorities of the system
	pool     *x509.CertPool // guarded by mu; nil without a file
}

// LoadTrust reads the file ca. If ca is empty, there is no file. If log is nil, nothing is
// logged.
func LoadTrust(ca string, log *slog.Logger) (*Trust, error) {
	t := new(Trust)
	if ca == "" {
		return t, nil
	}
	var err error
	t.watched, err = newWatched("file of authorities", []string{ca}, func(contents [][]byte) error {
		pool, err := rootsIn(contents[0], ca)
		if err == nil {
			t.pool = pool
		}
		return err
	}, log)
	if err != nil {
		return nil, fmt.Errorf("read certificates of an authority: %w", err)
	}
	return t, nil
}

// Reload reads the file now. After an error the earlier authorities stay in use. Without
// a file it does nothing.
func (t *Trust) Reload() error {
	if t == nil || t.watched == nil {
		return nil
	}
	return t.watched.Reload()
}

// Client returns the configuration for the next connection of a client. It reads the
// file if that did not happen in the last second. The caller owns the configuration. It
// should not use the configuration for later connections, because a configuration does
// not follow the file.
func (t *Trust) Client() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, RootCAs: t.current()}
}

// current returns the authorities, or nil for those of the system.
func (t *Trust) current() *x509.CertPool {
	if t == nil || t.watched == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.freshLocked()
	return t.pool
}

// Transport returns a transport like base, for servers that t trusts. It owns base from
// then on. After a change of the file, requests get new connections. Earlier
// connections are closed once their requests have ended.
func (t *Trust) Transport(base *http.Transport) http.RoundTripper {
	c := t.Client()
	base.TLSClientConfig = c
	if t == nil || t.watched == nil {
		return base
	}
	return &transport{trust: t, pool: c.RootCAs, now: base}
}

// transport is a transport that is replaced when the authorities change, because the
// configuration of a transport in use must not change.
type transport struct {
	trust *Trust

	// Guarded by mu.
	mu   sync.Mutex
	pool *x509.CertPool // the present authorities
	now  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(r)
}

// CloseIdleConnections closes connections that carry no request. http.Client calls it.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.CloseIdleConnections()
}

// current returns the transport for the authorities that are in the file now.
func (t *transport) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	config := t.trust.Client() // called under mu, so that no older content replaces a newer one
	if config.RootCAs != t.pool {
		before := t.now
		t.now = before.Clone()
		t.now.TLSClientConfig = config
		t.pool = config.RootCAs
		before.CloseIdleConnections()
	}
	return t.now
}
