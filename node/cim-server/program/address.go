package program

import (
	"fmt"
	"net"

	sockaddr "github.com/hashicorp/go-sockaddr"

	"github.com/cim-go/cim/routefn/cim-route/config"
)

// reachable is the address by which others reach a listener: the advertised
// host, or the one it listens on, or this machine's private address when it
// listens on all.
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
		return "", fmt.Errorf("%w: this machine has no private address: say -advertise", config.ErrUsage)
	}
	return net.JoinHostPort(private, port), nil
}
