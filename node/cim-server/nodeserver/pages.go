package nodeserver

import (
	"net"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/ring"
)

// pages returns the guards that judge requests of web pages at the two ports.
func (s *server) pages(self ring.Member, clients, internal net.Listener) (forClients, forInternal *browser.Guard, err error) {
	guard := func(listener net.Listener, advertised string) (*browser.Guard, error) {
		at := listener.Addr().String()
		return known(s.flags.route.Pages, at, advertised).Guard(at, s.flags.route.Guard.Proxies, s.flags.route.AuditLog)
	}
	if forClients, err = guard(clients, self.Client); err != nil {
		return nil, nil, err
	}
	if forInternal, err = guard(internal, self.HTTP); err != nil {
		return nil, nil, err
	}
	process.CountForeign(s.registry, "cim_node_foreign_total", forClients, forInternal)
	return forClients, forInternal, nil
}

// known adds the host of the advertised address to the hosts that p accepts, because
// other programs call the listener by that host. It adds nothing if p accepts every host
// at this listener. An advertised address may be a URL.
func known(p process.Pages, listens, advertised string) *process.Pages {
	if len(p.Hosts) == 0 && !process.Loopback(listens) {
		return &p
	}
	_, host, isURL := strings.Cut(advertised, "://")
	if !isURL {
		host = advertised
	}
	host, _, _ = strings.Cut(host, "/")
	p.Hosts = append(slices.Clone(p.Hosts), host)
	return &p
}

// pushers returns the addresses that may push without a token, as CIM's routes do. If the
// cluster has no key, it returns nil, which means that every address may.
func (s *server) pushers() *sourceip.Proxies {
	if len(s.secret.Now) == 0 {
		return nil
	}
	return &s.flags.cimPushers
}
