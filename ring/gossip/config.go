package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// DefaultPort is the port of a gossip address that names none.
const DefaultPort = 7946

// Config configures a Gossip. Self, Bind and Table are required.
type Config struct {
	Self    ring.Member // this node; Run sets Gossip
	Keys    *ring.Keys  // nil or without a key: gossip uses loopback addresses only
	Cluster string      // name that all members share, at most 255 bytes; may be empty
	Table   *ring.Table // only Run writes it

	Bind      string // IP:port to listen on, TCP and UDP; port 0 takes a free one
	Advertise string // host or host:port to which others connect; empty: derived from Bind

	// Seeds are addresses of members. One member that answers is enough. Each seed is
	// host:port, a name with several addresses, or dns+srv://name. It may also be
	// file:///path (a file with one address per line), or exec:command (a command that
	// prints addresses). Gossip resolves the seeds again at every try.
	Seeds []string
	// More returns gossip addresses from another source, such as ZooKeeper, or an error
	// if that source does not answer. Gossip calls it before every try. It must not block
	// after its context has ended. More may be nil.
	More func(context.Context) ([]string, error)
	// Remember is the path of a file with the members of the last day. They are further
	// seeds at the next start. Empty: no file.
	Remember string

	// Sign returns the member's Signed field, for the member as it is known to others. It
	// is called at the start and every SignEvery. nil: the field stays empty.
	Sign      func(ring.Member) string
	SignEvery time.Duration // required with Sign

	Bootstrap bool // the node is ready without any other member; the first node of a new cluster needs this
	Expect    int  // if above 0: the node is ready when it knows this many members, or when another member serves

	Logger     *slog.Logger          // nil: no logs
	Registerer prometheus.Registerer // nil: no metrics are registered
	Resolver   Resolver              // nil: net.DefaultResolver

	// For tests. Zero means the default.
	rejoinEvery  time.Duration                                                     // 10 s
	backoffFirst time.Duration                                                     // 1 s
	reclaim      time.Duration                                                     // 1 s; after it, a dead node's name is free
	forgetDead   time.Duration                                                     // 30 s; after it, memberlist sends no gossip to a dead node
	settled      time.Duration                                                     // 30 s; only rings that were unchanged for so long are compared
	loadEvery    func(members int) time.Duration                                   // ring.LoadInterval
	wrap         func(memberlist.NodeAwareTransport) memberlist.NodeAwareTransport // none
}

// Resolver is the part of net.Resolver that seeds need.
type Resolver interface {
	LookupHost(ctx context.Context, host string) (addrs []string, err error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
}

// ErrNoKey is returned by New when gossip would leave the loopback interface
// without a cluster key.
var ErrNoKey = errors.New("gossip beyond loopback needs a cluster key")

// withDefaults returns c with all defaults, and an error if c is invalid.
func (c Config) withDefaults() (Config, error) {
	if c.Keys == nil {
		c.Keys = ring.NewKeys()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	c.rejoinEvery = orDefault(c.rejoinEvery, 10*time.Second)
	c.backoffFirst = orDefault(c.backoffFirst, time.Second)
	c.reclaim = orDefault(c.reclaim, time.Second)
	c.forgetDead = orDefault(c.forgetDead, 30*time.Second)
	c.settled = orDefault(c.settled, 30*time.Second)
	if c.loadEvery == nil {
		c.loadEvery = ring.LoadInterval
	}
	return c, c.check()
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

func (c Config) check() error {
	if c.Table == nil {
		return errors.New("no table to write members into")
	}
	if len(c.Cluster) > memberlist.LabelMaxSize {
		return fmt.Errorf("cluster name of %d bytes, want at most %d", len(c.Cluster), memberlist.LabelMaxSize)
	}
	for _, s := range c.Seeds {
		if err := checkSeed(s); err != nil {
			return err
		}
	}
	bind, err := netip.ParseAddrPort(c.Bind)
	if err != nil {
		return fmt.Errorf("bind address: %w", err)
	}
	if bind.Addr() == netip.IPv6Unspecified() && c.Advertise == "" {
		return fmt.Errorf("bind address %s needs an advertised one", c.Bind)
	}
	if !bind.Addr().IsLoopback() && len(c.Keys.Derive("gossip")) == 0 {
		return fmt.Errorf("bind to %s: %w", c.Bind, ErrNoKey)
	}
	self := c.Self
	self.Gossip = widestAddress // Run sets it when it listens
	if c.Sign != nil {
		if c.SignEvery <= 0 {
			return errors.New("member is signed, and SignEvery is not set")
		}
		self.Signed = c.Sign(self)
	}
	return self.Validate()
}

// widestAddress stands for the gossip address until that is known. It is the longest
// possible address. So New can return an error if the member may become too large for
// memberlist's metadata.
const widestAddress = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"

// timing sets how fast a dead node is detected.
//
// memberlist probes one member every ProbeInterval, in a shuffled order. A failed probe
// takes a whole ProbeInterval: ProbeTimeout for the direct answer, and the rest for
// indirect probes by UDP through others and for TCP. The suspect then has
//
//	SuspicionMult * max(1, log10(n)) * ProbeInterval
//
// to refute that it is dead. memberlist waits for SuspicionMult-2 confirmations by
// others, so with SuspicionMult 2 it waits for none. With n members the suspicion takes
// 1 s up to n = 10, 2 s for 100 and 3 s for 1,000.
//
// Before the suspicion, a member has to probe the dead one. That happens within 1 s at n
// = 3, and on average earlier in a larger cluster. The probe takes 0.5 s. In total a dead
// node is detected in less than 4 s if the prober is healthy. When several nodes die at
// once, the prober's own probes fail and it lengthens its interval.
// AwarenessMaxMultiplier bounds the longer interval to twice the usual one.
func timing(c *memberlist.Config) {
	c.ProbeInterval = 500 * time.Millisecond
	c.ProbeTimeout = 200 * time.Millisecond
	c.SuspicionMult = 2
	c.AwarenessMaxMultiplier = 2
	// This is half of memberlist's default. If no other node joins a restarted node,
	// only a push/pull tells the others its new boot.
	c.PushPullInterval = 15 * time.Second
	// Bounds each of three steps of a push/pull: dialing, sending and receiving.
	c.TCPTimeout = 2 * time.Second
}

// memberlistConfig returns memberlist's configuration for the transport t.
func (g *Gossip) memberlistConfig(t memberlist.NodeAwareTransport, advertise netip.AddrPort) (*memberlist.Config, error) {
	c := memberlist.DefaultLANConfig()
	timing(c)
	c.Name = g.cfg.Self.ID
	c.Label = g.cfg.Cluster
	c.Transport = t
	c.BindPort = int(advertise.Port()) // memberlist uses it for addresses without a port
	c.AdvertiseAddr, c.AdvertisePort = advertise.Addr().String(), int(advertise.Port())
	c.DeadNodeReclaimTime = g.cfg.reclaim
	c.GossipToTheDeadTime = g.cfg.forgetDead
	c.Logger = newLogger(g.log)
	d := &delegate{g}
	c.Delegate, c.Events, c.Alive, c.Conflict = d, d, d, d
	if derived := g.cfg.Keys.Derive("gossip"); len(derived) > 0 {
		keyring, err := memberlist.NewKeyring(derived[1:], derived[0])
		if err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
		c.Keyring = keyring
	}
	return c, nil
}

// listen binds the TCP and the UDP socket, and returns the transport and the advertised
// address.
func (g *Gossip) listen(ctx context.Context) (memberlist.NodeAwareTransport, netip.AddrPort, error) {
	bind := netip.MustParseAddrPort(g.cfg.Bind) // no error, because withDefaults has parsed it
	nc := &memberlist.NetTransportConfig{
		BindAddrs: []string{bind.Addr().String()},
		BindPort:  int(bind.Port()),
		Logger:    newLogger(g.log),
	}
	t, err := memberlist.NewNetTransport(nc)
	for try := 0; err != nil && bind.Port() == 0 && try < 10; try++ {
		// The chosen port was free for TCP but in use for UDP, so try another one.
		t, err = memberlist.NewNetTransport(nc)
	}
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("listen on %s: %w", g.cfg.Bind, err)
	}
	advertise, err := g.advertised(ctx, t)
	if err != nil {
		closeUnread(t)
		return nil, netip.AddrPort{}, err
	}
	if g.cfg.wrap != nil {
		return g.cfg.wrap(t), advertise, nil
	}
	return t, advertise, nil
}

// closeUnread shuts down a transport that no memberlist reads from. It drains the
// transport, because unread packets and connections would block Shutdown.
func closeUnread(t memberlist.Transport) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = t.Shutdown()
	}()
	for {
		select {
		case conn := <-t.StreamCh():
			_ = conn.Close()
		case <-t.PacketCh():
		case <-ended:
			return
		}
	}
}

// advertised returns the address that others use to reach t.
func (g *Gossip) advertised(ctx context.Context, t *memberlist.NetTransport) (netip.AddrPort, error) {
	host, port := g.cfg.Advertise, t.GetAutoBindPort()
	if h, p, err := net.SplitHostPort(g.cfg.Advertise); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("advertised address %q: %w", g.cfg.Advertise, err)
		}
		host = h
		if n > 0 {
			port = int(n)
		}
	}
	if host != "" {
		ips, err := g.lookup(ctx, host)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("resolve advertised address: %w", err)
		}
		host = ips[0]
	}
	ip, port, err := t.FinalAdvertiseAddr(host, port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find advertised address: %w", err)
	}
	addr, _ := netip.AddrFromSlice(ip)
	if a := addr.Unmap(); !a.IsLoopback() && len(g.cfg.Keys.Derive("gossip")) == 0 {
		return netip.AddrPort{}, fmt.Errorf("advertise %s: %w", a, ErrNoKey)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}
