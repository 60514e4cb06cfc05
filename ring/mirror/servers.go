package mirror

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// ParseServers reads the servers of ZooKeeper's usual string, "host:port,host:port":
// a port that is missing is 2181, blanks around a server do not matter. A path behind
// the last one, ZooKeeper's chroot, is an error that says where the root belongs.
func ParseServers(list string) ([]string, error) {
	var servers []string
	for server := range strings.SplitSeq(list, ",") {
		server, err := parseServer(strings.TrimSpace(server))
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func parseServer(server string) (string, error) {
	if strings.Contains(server, "://") {
		return "", fmt.Errorf("ZooKeeper server %q: want host:port, without a scheme", server)
	}
	if at := strings.IndexByte(server, '/'); at >= 0 {
		return "", fmt.Errorf("ZooKeeper server %q ends with a chroot: say %q there, and the path as the root (-zk-root %s)",
			server, server[:at], strings.TrimRight(server[at:], "/")+DefaultRoot)
	}
	host, port := strings.Trim(server, "[]"), strconv.Itoa(zk.DefaultPort)
	if strings.Contains(server, ":") && net.ParseIP(host) == nil {
		var err error
		if host, port, err = net.SplitHostPort(server); err != nil {
			return "", fmt.Errorf("ZooKeeper server %q: want host:port", server)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " \t\r\n[];@?#") {
		return "", fmt.Errorf("ZooKeeper server %q: want host:port", server)
	}
	return net.JoinHostPort(host, port), nil
}

// names is go-zookeeper's list of servers, by name. Its own resolves all names at the
// start and fails if one of them has no address, as that of a server has which is
// down where names come and go with what they stand for.
type names struct {
	mu      sync.Mutex // go-zookeeper does not say who calls
	servers []string
	next    int
	tried   int // servers since one was connected
}

// Init implements zk.HostProvider. The order is another for every client, so that
// they spread.
func (n *names) Init(servers []string) error {
	n.servers = slices.Clone(servers)
	rand.Shuffle(len(n.servers), func(i, j int) { n.servers[i], n.servers[j] = n.servers[j], n.servers[i] })
	return nil
}

// Len implements zk.HostProvider.
func (n *names) Len() int { return len(n.servers) }

// Next implements zk.HostProvider: with retryStart the client pauses first.
func (n *names) Next() (server string, retryStart bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	server = n.servers[n.next]
	n.next = (n.next + 1) % len(n.servers)
	retryStart = n.tried > 0 && n.tried%len(n.servers) == 0
	n.tried++
	return server, retryStart
}

// Connected implements zk.HostProvider. The server counts as tried: should it be lost
// at once, and be the only one, there is a pause.
func (n *names) Connected() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tried = 1
}

// resolveTime is what a name server may take.
const resolveTime = 3 * time.Second

// dialAny connects to one of the addresses that a server's name has now, any of them:
// one that takes connections and no sessions must not be the choice every time.
func dialAny(dial zk.Dialer, network, server string, timeout time.Duration) (net.Conn, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	return dial(network, net.JoinHostPort(addrs[rand.IntN(len(addrs))], port), timeout)
}
