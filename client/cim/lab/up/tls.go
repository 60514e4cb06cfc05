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
	if !c.secure(HopRedis) {
		return nil
	}
	if c.tls.redis, err = redistest.NewTLS(c.config.CA, false); err != nil {
		return fmt.Errorf("secure the store: %w", err)
	}
	return nil
}

// CAFile returns the path of the authority's certificate, or nothing without Config.CA.
func (c *Cluster) CAFile() string { return c.tls.ca }

// Hops are ways between the processes of a cluster.
type Hops uint8

// The hops of a cluster. Gossip is none of them. It is encrypted if there is a CA.
const (
	HopClients Hops = 1 << iota // from clients to nodes and routes
	HopRoute                    // from nodes to routes, and from routes to nodes
	HopRedis                    // from routes to the store

	AllHops = HopClients | HopRoute | HopRedis
)

// secure reports whether one of the hops speaks TLS.
func (c *Cluster) secure(hops Hops) bool { return c.config.CA != nil && hops&^c.config.Plain != 0 }

// url returns the URL of a process that serves HTTP at an address, for callers of a hop.
func (c *Cluster) url(address string, hop Hops) string {
	if c.secure(hop) {
		return "https://" + address
	}
	return "http://" + address
}

// seed returns the address of a node's internal HTTP in the form of the flag -ring.
func (c *Cluster) seed(address string) string {
	if c.secure(HopRoute) {
		return "https://" + address
	}
	return address
}

// tlsFlags returns the flags of a process that speaks TLS and calls other processes. The
// parameter trust is the name of the flag for the authority of the other processes. The
// parameter served has the hops of the port for clients. That port speaks TLS if one of
// these hops does.
func (c *Cluster) tlsFlags(trust string, served Hops) (flags []string) {
	if c.secure(served) {
		flags = append(flags, "-tls-cert", c.tls.cert, "-tls-key", c.tls.key)
	}
	if c.secure(HopRoute) {
		flags = append(flags, "-internal-tls-cert", c.tls.cert, "-internal-tls-key", c.tls.key, trust, c.tls.ca)
	}
	if c.config.CA != nil && c.config.Plain&(HopClients|HopRoute) == 0 {
		flags = append(flags, "-tls-only")
	}
	return flags
}
