package servers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto/tlsfile"
)

// These are the options of a store's URL. All but db need TLS.
const (
	optionDB         = "db"
	optionCA         = "ca"          // file: the authorities that may have signed the servers' certificates
	optionCert       = "cert"        // file: the client's certificate
	optionKey        = "key"         // file: the key of that certificate
	optionServerName = "server_name" // name in the servers' certificates; empty: the host of each connection
)

var errOptionPair = errors.New("store URL has one of the options cert and key, which go together")

// checkOptions refuses options that are unknown or come twice. If the parameter secure is
// false, it refuses options that need TLS. Its errors do not quote values, which may be
// secret.
func checkOptions(options url.Values, secure bool) error {
	known := []string{optionDB, optionCA, optionCert, optionKey, optionServerName}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("store URL has the option %q; known are %s", name, strings.Join(known, ", "))
		case len(options[name]) > 1:
			return fmt.Errorf("store URL has the option %s twice", name)
		case name != optionDB && !secure:
			return fmt.Errorf("store URL has the option %s, which needs TLS: rediss in place of redis", name)
		}
	}
	return nil
}

// secure says how connections to the servers speak TLS. Its files are read again when
// they change. A nil secure means plain connections.
type secure struct {
	trust *tlsfile.Trust
	pair  *tlsfile.Pair // the client's certificate; nil: none
	name  string        // name in the servers' certificates; empty: the host of each connection
}

// loadSecure reads the files that the options name.
func loadSecure(options url.Values, log *slog.Logger) (*secure, error) {
	s := &secure{name: options.Get(optionServerName)}
	var err error
	if s.trust, err = tlsfile.LoadTrust(options.Get(optionCA), log); err != nil {
		return nil, fmt.Errorf("store URL, option ca: %w", err)
	}
	cert, key := options.Get(optionCert), options.Get(optionKey)
	switch {
	case (cert == "") != (key == ""):
		return nil, errOptionPair
	case cert != "":
		if s.pair, err = tlsfile.Load(cert, key, log); err != nil {
			return nil, fmt.Errorf("store URL, options cert and key: %w", err)
		}
	}
	return s, nil
}

// config returns the TLS configuration of the next connection, or nil if there is no TLS.
func (s *secure) config() *tls.Config {
	if s == nil {
		return nil
	}
	c := s.trust.Client()
	c.ServerName = s.name // if it is empty, the library adds the host
	if s.pair != nil {
		c.GetClientCertificate = s.pair.Offer
	}
	return c
}

// ReadFiles implements Topology.
func (s *secure) ReadFiles() error {
	if s == nil {
		return nil
	}
	var errs error
	if err := s.trust.Reload(); err != nil {
		errs = fmt.Errorf("store URL, option ca: %w", err)
	}
	if s.pair == nil {
		return errs
	}
	if err := s.pair.Reload(); err != nil {
		errs = errors.Join(errs, fmt.Errorf("store URL, options cert and key: %w", err))
	}
	return errs
}
