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

// ParseServers reads ZooKeeper's usual list of servers, "host:port,host:port". The
// default port is 2181, and blanks around a server are ignored. It returns an error for a
// path behind the last server (ZooKeeper's chroot), which belongs in Config.Root.
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
		return "", fmt.Errorf("ZooKeeper server %q ends with a chroot: write %q there, and the path as the root (-zk-root %s)",
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

// names is a zk.HostProvider that stores the names of servers instead of their addresses.
// The HostProvider of go-zookeeper resolves all names at the start, and fails if one of
// them has no address. On platforms where a name exists only while its server runs, that
// happens if a server is down.
type names struct {
	mu      sync.Mutex // go-zookeeper does not document which goroutines call the methods
	servers []string
	next    int
	tried   int // how many servers were tried since the last connection
}

// Init implements zk.HostProvider. It shuffles the servers, so that clients spread over
// them.
func (n *names) Init(servers []string) error {
	n.servers = slices.Clone(servers)
	rand.Shuffle(len(n.servers), func(i, j int) { n.servers[i], n.servers[j] = n.servers[j], n.servers[i] })
	return nil
}

// Len implements zk.HostProvider.
func (n *names) Len() int { return len(n.servers) }

// Next implements zk.HostProvider. If it returns true, the client pauses before it
// connects.
func (n *names) Next() (server string, retryStart bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	server = n.servers[n.next]
	n.next = (n.next + 1) % len(n.servers)
	retryStart = n.tried > 0 && n.tried%len(n.servers) == 0
	n.tried++
	return server, retryStart
}

// Connected implements zk.HostProvider. The connected server counts as tried. So if it
// is the only server and the connection is lost at once, there is a pause.
func (n *names) Connected() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tried = 1
}

// resolveTime bounds a name's resolution.
const resolveTime = 3 * time.Second

// dialAny connects to one of the server's current addresses at random. With a fixed
// choice it might always reach a server that accepts connections but no sessions. It
// blocks for up to 3 s to resolve the name, and then for up to timeout.
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
