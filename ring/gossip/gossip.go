package gossip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/cim-go/cim/ring"
)

// Errors that Run wraps.
var (
	// ErrNameTaken means that another living node has this node's id, and had it first.
	ErrNameTaken = errors.New("another node has this id")
	// ErrWrongKey means that a seed answered, but has no cluster key in common with this
	// node.
	ErrWrongKey = errors.New("a seed has another cluster key")
)

// leaveTimeout bounds how long memberlist broadcasts that this node leaves, which it
// repeats every 200 ms.
const leaveTimeout = 2 * time.Second

// Gossip is this node's membership in the cluster. Make it with New, and call Run once.
type Gossip struct {
	// Set by New.
	cfg       Config
	log       *slog.Logger
	metrics   *metrics
	listening chan struct{} // closed when list, keyring, own and Addr are set
	dirty     chan struct{} // cap 1: has a value when the table is out of date
	loaded    chan struct{} // cap 1: has a value when the load has changed and was not announced
	doubted   chan struct{} // cap 1: has a value when another node may have our name

	// Set by Run, before memberlist starts or before Run closes the channel listening.
	stop    context.CancelCauseFunc
	started time.Time
	list    *memberlist.Memberlist
	keyring *memberlist.Keyring // nil without a key
	own     []netip.AddrPort    // this node's addresses

	announceMu sync.Mutex // serialises announce, so that an older state does not replace a newer one

	// Guarded by mu.
	mu         sync.Mutex
	self       ring.Member
	peers      map[string]peer // the other living members, by id
	seen       seenMembers     // members of the last day, for the next start
	ready      bool            // never goes back to false
	doubt      string          // gossip address of another node with our name, or empty
	accepted   bool            // another node has confirmed that we live at our address
	announcing bool            // a NotifyAlive about us is our own announcement
	first      bool            // Config.More has answered that there is no other member
	announced  time.Time       // when the load was last announced
	refused    map[string]bool // names whose refusal was logged
	clashed    map[string]bool // names of other nodes whose conflict was logged
	ringSig    uint64          // signature of the table's ring
	ringAge    time.Time       // when the table got that ring
}

// A peer is another member and its gossip address.
type peer struct {
	member ring.Member
	addr   netip.AddrPort
}

// New returns a Gossip that has not started. It returns an error if c is invalid. The
// error wraps ErrNoKey if gossip needs a cluster key, and ring.ErrInvalid if c.Self is
// invalid.
func New(c Config) (*Gossip, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("gossip of %q: %w", c.Self.ID, err)
	}
	return &Gossip{
		cfg:       c,
		log:       c.Logger.With("node", c.Self.ID),
		metrics:   newMetrics(c.Registerer),
		listening: make(chan struct{}),
		dirty:     make(chan struct{}, 1),
		loaded:    make(chan struct{}, 1),
		doubted:   make(chan struct{}, 1),
		self:      c.Self,
		peers:     make(map[string]peer),
		refused:   make(map[string]bool),
		clashed:   make(map[string]bool),
	}, nil
}

// Run listens, joins and stays joined until ctx ends. Then it broadcasts that it leaves,
// for at most 2 s, and returns nil.
//
// Run returns earlier if it cannot listen, or with an error that wraps ErrNameTaken.
// Before the node is ready, the error may wrap ErrWrongKey. If a seed does not answer,
// Run tries it again.
func (g *Gossip) Run(ctx context.Context) error {
	ctx, g.stop = context.WithCancelCause(ctx)
	defer g.stop(nil)
	g.started = time.Now()
	if err := g.start(ctx); err != nil {
		return fmt.Errorf("start gossip of %q: %w", g.cfg.Self.ID, err)
	}
	close(g.listening)
	g.log.Info("gossip listens", "addr", g.Addr(), "cluster", g.cfg.Cluster)

	var wg sync.WaitGroup
	wg.Go(func() { g.publishLoop(ctx) })
	wg.Go(func() { g.joinLoop(ctx) })
	<-ctx.Done()
	wg.Wait()

	err := context.Cause(ctx)
	failed := errors.Is(err, ErrNameTaken) || errors.Is(err, ErrWrongKey)
	if !failed {
		// After ErrNameTaken the node does not broadcast that it leaves. Otherwise the
		// others would remove the other node with this name.
		if err := g.list.Leave(leaveTimeout); err != nil {
			g.log.Warn("leaving cannot be broadcast", "err", err)
		}
	}
	if err := g.list.Shutdown(); err != nil {
		g.log.Warn("gossip shutdown failed", "err", err)
	}
	if failed {
		return err
	}
	return nil
}

// start listens and starts memberlist.
func (g *Gossip) start(ctx context.Context) error {
	t, advertise, err := g.listen(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.self.Gossip = advertise.String()
	g.signLocked()
	g.seen = loadSeen(g.cfg.Remember, time.Now(), g.log)
	g.mu.Unlock()
	g.own = ownAddresses(advertise, g.cfg.Bind)
	c, err := g.memberlistConfig(t, advertise)
	if err == nil {
		g.keyring = c.Keyring
		g.setAnnouncing(true) // Create also announces this node
		g.list, err = memberlist.Create(c)
		g.setAnnouncing(false)
	}
	if err != nil {
		closeUnread(t)
		return err
	}
	g.publish()
	return nil
}

// ownAddresses returns the addresses of this node, which it must not join.
func ownAddresses(advertise netip.AddrPort, bind string) []netip.AddrPort {
	own := []netip.AddrPort{advertise}
	b := netip.MustParseAddrPort(bind)
	if b.Port() == 0 {
		b = netip.AddrPortFrom(b.Addr(), advertise.Port())
	}
	if !b.Addr().IsUnspecified() {
		return append(own, b)
	}
	addrs, _ := net.InterfaceAddrs() // after an error, only the advertised address and that of bind are known
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, netip.AddrPortFrom(p.Addr().Unmap(), b.Port()))
		}
	}
	return own
}

// Listening returns a channel that is closed when Run listens. It stays open if Run
// cannot listen.
func (g *Gossip) Listening() <-chan struct{} { return g.listening }

// Addr returns the address that others join, host:port, and "" before
// Listening is closed.
func (g *Gossip) Addr() string { return g.Self().Gossip }

// Self returns this node's current member.
func (g *Gossip) Self() ring.Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.self
}

// Ready reports whether this node has found its cluster, and the reason if it has not.
// No time-out makes a node ready, because that could make two clusters. It stays ready
// if it loses the other members. It becomes ready
//
//   - with Bootstrap, or without any source of seeds, when it listens;
//   - with Expect, when it knows that many members, including itself, or when another
//     member serves;
//   - with Seeds, when it knows another member;
//   - with More alone, when it knows another member, or when More has answered that
//     there is no other member.
//
// If a node knows other members, one of them must also confirm the node's address. Until
// then the others may know another node under the same name, which is alive or has
// crashed.
func (g *Gossip) Ready() (ok bool, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.readyLocked()
}

func (g *Gossip) readyLocked() (ok bool, reason string) {
	switch {
	case g.self.Gossip == "":
		return false, "gossip does not listen yet"
	case g.ready:
		return true, ""
	case g.doubt != "":
		return false, "another node at " + g.doubt + " has this id"
	case g.cfg.Bootstrap:
	case g.cfg.Expect > 0 && len(g.peers)+1 < g.cfg.Expect && !g.anyServesLocked():
		return false, "knows " + strconv.Itoa(len(g.peers)+1) + " of " + strconv.Itoa(g.cfg.Expect) + " expected members"
	case len(g.peers) > 0 && !g.accepted:
		return false, "no member has confirmed this node"
	case len(g.peers) > 0 || g.cfg.Expect > 0:
	case len(g.cfg.Seeds) > 0:
		return false, "no seed has answered"
	case g.cfg.More != nil && !g.first:
		return false, "no member has answered, or the list of members cannot be read"
	}
	return true, ""
}

func (g *Gossip) anyServesLocked() bool {
	for _, p := range g.peers {
		if p.member.State == ring.Serving {
			return true
		}
	}
	return false
}

// Rotate replaces the cluster keys. The first key encrypts gossip and seals members, and
// all of them are accepted. It also sets Config.Keys, which other parts of the process
// may share. See ring.Keys.Set for the steps of a rotation. It returns an error if this
// node runs without a key, if no key is given, or before Listening is closed.
func (g *Gossip) Rotate(cluster ...[]byte) error {
	next := ring.NewKeys(cluster...).Derive("gossip")
	select {
	case <-g.listening:
	default:
		return errors.New("rotate keys: gossip does not listen yet")
	}
	if g.keyring == nil || len(next) == 0 {
		return fmt.Errorf("rotate keys: %w", ErrNoKey)
	}
	if err := useOnly(g.keyring, next); err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	g.cfg.Keys.Set(cluster...)
	g.announce() // so that others get the member sealed with the new key
	g.log.Info("cluster keys rotated", "keys", len(next))
	return nil
}

// useOnly makes the keyring hold the given keys and no others. The first one becomes its
// primary key.
//
// memberlist reads the keyring's slice without its lock, and RemoveKey moves all keys
// that follow the removed one. So useOnly first moves the keys that it will remove to the
// end, where no other key follows them.
func useOnly(keyring *memberlist.Keyring, keys [][]byte) error {
	for _, key := range keys {
		if err := keyring.AddKey(key); err != nil {
			return err
		}
	}
	unwanted := func(key []byte) bool { return !containsKey(keys, key) }
	if slices.ContainsFunc(keyring.GetKeys(), unwanted) {
		for _, key := range slices.Backward(keys) {
			_ = keyring.UseKey(key) // no error, because AddKey has added the key
		}
	}
	if err := keyring.UseKey(keys[0]); err != nil {
		return err
	}
	for _, key := range slices.Backward(slices.Clone(keyring.GetKeys())) {
		if unwanted(key) {
			if err := keyring.RemoveKey(key); err != nil {
				return err
			}
		}
	}
	return nil
}

func containsKey(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}
