package nodeserver

import (
	"fmt"
	"net"

	sockaddr "github.com/hashicorp/go-sockaddr"

	"github.com/cim-go/cim/proto/process"
)

// reachable returns the address at which others reach a listener. If the parameter
// advertise is not empty, it is the host. Otherwise the host is the one on which the
// listener listens. If the listener listens on all addresses, the host is this machine's
// private address instead.
func reachable(name string, listener net.Listener, advertise string) (string, error) {
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", fmt.Errorf("-%s: %w", name, err)
	}
	if advertise != "" {
		return net.JoinHostPort(advertise, port), nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return net.JoinHostPort(host, port), nil
	}
	private, err := sockaddr.GetPrivateIP()
	if err != nil || private == "" {
		return "", fmt.Errorf("%w: this machine has no private address: set -advertise", process.ErrUsage)
	}
	return net.JoinHostPort(private, port), nil
}
