package servers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto/tlsfile"
)

// These are the options of a store's URL. All but db need TLS.
const (
	optionDB         = "db"
	optionCA         = "ca"          // file: authorities that the servers' certificates may come from
	optionCert       = "cert"        // file: certificate that is shown to servers
	optionKey        = "key"         // file: its key
	optionServerName = "server_name" // name in the servers' certificates; empty: the host of each connection
)

var errOptionPair = errors.New("store URL has one of the options cert and key, which go together")

// checkOptions refuses options that are unknown or come twice. If secure is not set, it
// refuses options that need TLS. Its errors do not quote values, which may be secret.
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

// storeTLS returns the TLS configuration that the options describe. It reads the files
// that they name. When the files of the client's certificate change, they are read
// again.
func storeTLS(options url.Values) (*tls.Config, error) {
	config, err := tlsfile.Client(options.Get(optionCA))
	if err != nil {
		return nil, fmt.Errorf("store URL, option ca: %w", err)
	}
	config.ServerName = options.Get(optionServerName) // if it is empty, the library adds the host
	cert, key := options.Get(optionCert), options.Get(optionKey)
	switch {
	case (cert == "") != (key == ""):
		return nil, errOptionPair
	case cert != "":
		pair, err := tlsfile.Load(cert, key, nil)
		if err != nil {
			return nil, fmt.Errorf("store URL, options cert and key: %w", err)
		}
		config.GetClientCertificate = pair.Offer
	}
	return config, nil
}
