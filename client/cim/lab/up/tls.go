package up

import (
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// tlsFiles has the files of a cluster whose processes speak TLS. All processes share one
// certificate, which is valid for this machine.
type tlsFiles struct {
	ca, cert, key string
	redis         *redistest.TLS // nil: plain
}

// probeTime is how long a process may take to answer a probe.
const probeTime = time.Second

func (c *Cluster) makeTLS() error {
	c.http = probes
	if c.config.CA == nil {
		return nil
	}
	cert, key, err := c.config.CA.Issue("cluster", "127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	trust, err := tlsfile.LoadTrust(c.config.CA.File, nil)
	if err != nil {
		return fmt.Errorf("trust the cluster: %w", err)
	}
	transport := trust.Transport(http.DefaultTransport.(*http.Transport).Clone())
	c.http = &http.Client{Timeout: probeTime, Transport: transport}
	c.tls = tlsFiles{ca: c.config.CA.File, cert: cert, key: key}
	if c.tls.redis, err = redistest.NewTLS(c.config.CA, false); err != nil {
		return fmt.Errorf("secure the store: %w", err)
	}
	return nil
}

// CAFile returns the path of the authority's certificate, or nothing without Config.CA.
func (c *Cluster) CAFile() string { return c.tls.ca }

// url returns the URL of a process that serves HTTP at an address.
func (c *Cluster) url(address string) string {
	if c.config.CA != nil {
		return "https://" + address
	}
	return "http://" + address
}

// seed returns the address of a node's internal HTTP in the form of the flag -ring.
func (c *Cluster) seed(address string) string {
	if c.config.CA != nil {
		return "https://" + address
	}
	return address
}

// tlsFlags returns the flags of a process that speaks TLS and calls others. The parameter
// trust is the name of the flag for the authority of these others.
func (c *Cluster) tlsFlags(trust string) []string {
	if c.config.CA == nil {
		return nil
	}
	return []string{
		"-tls-only", "-tls-cert", c.tls.cert, "-tls-key", c.tls.key,
		"-internal-tls-cert", c.tls.cert, "-internal-tls-key", c.tls.key, trust, c.tls.ca,
	}
}
