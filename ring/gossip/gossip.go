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

// Sentinels of Run.
var (
	// ErrNameTaken: another living node has this node's id, and had it first.
	ErrNameTaken = errors.New("another node has this id")
	// ErrWrongKey: a seed answered, and the two have no cluster key in common.
	ErrWrongKey = errors.New("a seed has another cluster key")
)

// leaveTimeout bounds the goodbye, which is repeated a few times every 200 ms.
const leaveTimeout = 2 * time.Second

// Gossip is this node's place in the cluster. Make it with New, and Run it once.
type Gossip struct {
	// Set by New.
	cfg       Config
	log       *slog.Logger
	metrics   *metrics
	listening chan struct{} // closed when list, keyring, own and Addr are set
	dirty     chan struct{} // cap 1: the table is behind
	loaded    chan struct{} // cap 1: the load is not told
	doubted   chan struct{} // cap 1: our name may be taken

	// Set by Run before memberlist starts or before listening is closed.
	stop    context.CancelCauseFunc
	started time.Time
	list    *memberlist.Memberlist
	keyring *memberlist.Keyring // nil without a key
	own     []netip.AddrPort    // addresses that are ourselves

	tellMu sync.Mutex // one telling at a time, or an older one could win

	// Guarded by mu.
	mu       sync.Mutex
	self     ring.Member
	peers    map[string]peer // all others that live, by id
	seen     seenMembers     // of the last day, for the next start
	ready    bool            // stays true once it is
	doubt    string          // address of another node under our name, or empty
	accepted bool            // another node has told us that we live at our address
	telling  bool            // what memberlist says of us comes from ourselves
	first    bool            // Config.More knows nobody but us
	toldLoad time.Time       // when the load was last told
	refused  map[string]bool // names without a valid MAC that the log has
	clashed  map[string]bool // names of others in conflict that the log has
	ringSig  uint64          // signature of the table's ring
	ringAge  time.Time       // since when
}

// A peer is another member and where its gossip is.
type peer struct {
	member ring.Member
	addr   netip.AddrPort
}

// New returns a Gossip that has not started. Errors say what is wrong with c;
// they wrap ErrNoKey or ring.ErrInvalid where that is it.
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

// Run listens, joins and stays joined until ctx ends; then it says goodbye,
// which takes at most 2 s, and returns nil. It returns early when it cannot
// listen, with ErrNameTaken, and before it is ready with ErrWrongKey. A seed
// that does not answer is no error: Run tries on.
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
		// After ErrNameTaken a goodbye would be understood as the other's.
		if err := g.list.Leave(leaveTimeout); err != nil {
			g.log.Warn("gossip goodbye not sent", "err", err)
		}
	}
	if err := g.list.Shutdown(); err != nil {
		g.log.Warn("gossip shutdown", "err", err)
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
	g.seen = loadSeen(g.cfg.Remember, time.Now(), g.log)
	g.mu.Unlock()
	g.own = ownAddresses(advertise, g.cfg.Bind)
	c, err := g.memberlistConfig(t, advertise)
	if err == nil {
		g.keyring = c.Keyring
		g.setTelling(true) // Create tells us, as tell does
		g.list, err = memberlist.Create(c)
		g.setTelling(false)
	}
	if err != nil {
		closeUnread(t)
		return err
	}
	g.publish()
	return nil
}

// ownAddresses returns the addresses at which we would find ourselves.
func ownAddresses(advertise netip.AddrPort, bind string) []netip.AddrPort {
	own := []netip.AddrPort{advertise}
	b := netip.MustParseAddrPort(bind)
	if b.Port() == 0 {
		b = netip.AddrPortFrom(b.Addr(), advertise.Port())
	}
	if !b.Addr().IsUnspecified() {
		return append(own, b)
	}
	addrs, _ := net.InterfaceAddrs() // none: only the advertised one is known
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, netip.AddrPortFrom(p.Addr().Unmap(), b.Port()))
		}
	}
	return own
}

// Listening returns a channel that is closed once Run listens. It stays open
// if Run cannot.
func (g *Gossip) Listening() <-chan struct{} { return g.listening }

// Addr returns the address that others join, host:port, and "" before
// Listening is closed.
func (g *Gossip) Addr() string { return g.Self().Gossip }

// Self returns this node as it is told now.
func (g *Gossip) Self() ring.Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.self
}

// Ready reports whether this node has found its cluster, and if not, why. It is
// never ready by mere time, which is how two clusters are made, and stays ready
// when it loses the others:
//
//   - told to Bootstrap, or without any source of seeds: once it listens;
//   - with Expect: once it knows so many, itself counted, or another one serves;
//   - with Seeds: once it knows another member;
//   - with More alone: so too, or once More has answered and knows nobody else.
//
// To know others is not enough while none of them has told us back that we live
// at our address: they may hold a node that crashed, or a living one, for us.
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
		return false, "the id stands for " + g.doubt + " too"
	case g.cfg.Bootstrap:
	case g.cfg.Expect > 0 && len(g.peers)+1 < g.cfg.Expect && !g.anyServesLocked():
		return false, "knows " + strconv.Itoa(len(g.peers)+1) + " of " + strconv.Itoa(g.cfg.Expect) + " expected members"
	case len(g.peers) > 0 && !g.accepted:
		return false, "no member has confirmed this node"
	case len(g.peers) > 0 || g.cfg.Expect > 0:
	case len(g.cfg.Seeds) > 0:
		return false, "no seed has answered"
	case g.cfg.More != nil && !g.first:
		return false, "no member has answered, or where they stand cannot be read"
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

// Rotate replaces the cluster keys: gossip is encrypted and members are sealed
// with the first, and any is accepted. It acts on Config.Keys too, and so on
// all that share them. See ring.Keys.Set for the steps of a rotation. It fails
// if this node runs without a key or none is given.
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
	g.tell() // sealed anew
	g.log.Info("cluster keys rotated", "keys", len(next))
	return nil
}

// useOnly makes the keyring hold keys and no other, the first as its primary.
//
// memberlist reads the keyring's slice without its lock, and RemoveKey moves
// what stands behind the removed key within it. So what is to go is brought to
// the end first, where nothing stands behind it.
func useOnly(keyring *memberlist.Keyring, keys [][]byte) error {
	for _, key := range keys {
		if err := keyring.AddKey(key); err != nil {
			return err
		}
	}
	unwanted := func(key []byte) bool { return !containsKey(keys, key) }
	if slices.ContainsFunc(keyring.GetKeys(), unwanted) {
		for _, key := range slices.Backward(keys) {
			_ = keyring.UseKey(key) // it was added
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
