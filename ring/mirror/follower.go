package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// ErrAway is returned by Gossips, and by View before the first answer, when what is known may be old, or is nothing
// yet: there is no session with ZooKeeper.
var ErrAway = errors.New("ZooKeeper is away")

// A Follower keeps a table as ZooKeeper has the members. Make it with
// NewFollower.
type Follower struct {
	// Set by NewFollower.
	cfg   Config
	table *ring.Table
	gauge *prometheus.GaugeVec // children by kind
	first chan struct{}        // closed by the first sync

	// Owned by Run.
	session  int64
	children map[string]child // by name
	listed   bool             // a watch on the list of children is set
	checked  time.Time        // when all was last read

	// Guarded by mu.
	mu     sync.Mutex
	fired  map[string]bool // paths of which a watch has fired
	inSync bool            // the table is as ZooKeeper has it
}

// A child is an entry below the root.
type child struct {
	member  ring.Member
	kind    string // one of kinds
	created int64  // transaction that made it
	watched bool   // a watch on its data is set
}

const (
	isMember  = "member"
	isForeign = "foreign" // without data of ours: a CIM server
	isRefused = "refused" // with data of ours, but no valid MAC
)

var kinds = [...]string{isMember, isForeign, isRefused}

// NewFollower returns a follower that writes into table, and nobody else should.
func NewFollower(c Config, table *ring.Table) (*Follower, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("follow ZooKeeper: %w", err)
	}
	f := &Follower{
		cfg: c, table: table, first: make(chan struct{}), children: make(map[string]child), fired: make(map[string]bool),
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cim_mirror_children", Help: "Entries in ZooKeeper, by what they are.",
		}, []string{"kind"}),
	}
	for _, kind := range kinds {
		f.gauge.WithLabelValues(kind)
	}
	if c.Registerer != nil {
		c.Registerer.MustRegister(f.gauge)
	}
	return f, nil
}

// Run follows until ctx ends, and returns nil. While ZooKeeper is away the table
// stays as it was.
func (f *Follower) Run(ctx context.Context) error {
	f.cfg.keep(ctx, f)
	return nil
}

// View returns the members for package routefn's Config.Members: it waits for the
// first answer of ZooKeeper for a second, or until ctx ends, and then returns ErrAway.
// Later answers may be old while ZooKeeper is away.
func (f *Follower) View(ctx context.Context) (*ring.View, error) {
	ctx, cancel := context.WithTimeout(ctx, firstTime)
	defer cancel()
	select {
	case <-f.first:
		return f.table.Current(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("follow ZooKeeper: %w", ErrAway)
	}
}

// firstTime is how long View waits for what it has not: as long as a seed has.
const firstTime = time.Second

// Gossips returns the gossip addresses of the members, for gossip.Config.More.
// It waits for the first answer of ZooKeeper until ctx ends. With ErrAway it
// returns the last ones known.
func (f *Follower) Gossips(ctx context.Context) ([]string, error) {
	select {
	case <-f.first:
	case <-ctx.Done():
		return nil, ErrAway
	}
	var addrs []string
	for _, m := range f.table.Current().Members() {
		if m.Gossip != "" {
			addrs = append(addrs, m.Gossip)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.inSync {
		return addrs, ErrAway
	}
	return addrs, nil
}

// event notes which watches have fired; each is set anew by the next sync. One
// that go-zookeeper has lost comes as an event too.
func (f *Follower) event(e zk.Event) {
	if e.Path == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fired[e.Path] = true
}

func (f *Follower) away() { f.setInSync(false) }

func (f *Follower) setInSync(ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inSync = ok
}

func (f *Follower) changed() <-chan struct{} { return nil }

// rekeyed has everything read again: what was refused may be good now.
func (f *Follower) rekeyed() { f.checked = time.Time{} }

// sync reads what has changed, or everything once a minute, and writes the table.
func (f *Follower) sync(conn *zk.Conn) (again time.Duration, err error) {
	f.mu.Lock()
	fired := f.fired
	f.fired = make(map[string]bool)
	f.mu.Unlock()

	now := time.Now()
	all := f.session != conn.SessionID() || now.Sub(f.checked) >= checkEvery
	if f.session != conn.SessionID() { // its watches are gone
		f.session, f.listed = conn.SessionID(), false
		clear(f.children)
	}
	f.listed = f.listed && !fired[f.cfg.Root]
	if err := f.read(conn, fired, all); err != nil {
		f.session = 0 // what was read, and what is watched, is uncertain
		f.setInSync(false)
		return 0, err
	}
	if all {
		f.checked = now
	}
	f.publish()
	return checkEvery - now.Sub(f.checked), nil
}

// read brings children up to date: those of which a watch has fired, or all.
func (f *Follower) read(conn *zk.Conn, fired map[string]bool, all bool) error {
	names, err := f.list(conn, all)
	if err != nil {
		return err
	}
	children := make(map[string]child, len(names))
	for _, name := range names {
		node := path.Join(f.cfg.Root, name)
		c, ok := f.children[name]
		c.watched = c.watched && !fired[node]
		if !ok || all || !c.watched {
			c, err = f.look(conn, node, c)
			if errors.Is(err, zk.ErrNoNode) {
				continue // gone since it was listed
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", node, err)
			}
		}
		children[name] = c
	}
	f.children = children
	return nil
}

// list returns the names of the children.
func (f *Follower) list(conn *zk.Conn, all bool) (names []string, err error) {
	if f.listed && !all {
		for name := range f.children {
			names = append(names, name)
		}
		return names, nil
	}
	if f.listed {
		names, _, err = conn.Children(f.cfg.Root)
	} else {
		names, _, _, err = conn.ChildrenW(f.cfg.Root)
		if errors.Is(err, zk.ErrNoNode) {
			if err = ensure(conn, f.cfg.Root); err == nil {
				names, _, _, err = conn.ChildrenW(f.cfg.Root)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", f.cfg.Root, err)
	}
	f.listed = true
	return names, nil
}

// look reads an entry, and watches it if c says that nothing does.
func (f *Follower) look(conn *zk.Conn, node string, c child) (child, error) {
	var (
		data []byte
		stat *zk.Stat
		err  error
	)
	if c.watched {
		data, stat, err = conn.Get(node)
	} else {
		data, stat, _, err = conn.GetW(node)
	}
	if err != nil {
		return child{}, err
	}
	now := child{kind: isMember, created: stat.Czxid, watched: true}
	now.member, err = open(data, f.cfg.Keys)
	switch {
	case errors.Is(err, ring.ErrBadMAC):
		now.kind = isRefused
	case err != nil:
		now.kind = isForeign
	}
	if now.kind == isRefused && c.kind != isRefused {
		f.cfg.Logger.Warn("entry in ZooKeeper refused", "path", node, "err", err)
	}
	return now, nil
}

// open returns the member in an entry's data.
func open(data []byte, keys *ring.Keys) (ring.Member, error) {
	var s ring.Sealed
	if err := json.Unmarshal(data, &s); err != nil {
		return ring.Member{}, err
	}
	return s.Open(keys)
}

// publish writes the members into the table. A node that has come back at
// another address stands there twice until its old session ends: the younger
// entry counts.
func (f *Follower) publish() {
	count := make(map[string]int)
	newest := make(map[string]child)
	for _, c := range f.children {
		count[c.kind]++
		if old, ok := newest[c.member.ID]; c.kind == isMember && (!ok || c.created > old.created) {
			newest[c.member.ID] = c
		}
	}
	members := make([]ring.Member, 0, len(newest))
	for _, c := range newest {
		members = append(members, c.member)
	}
	f.table.Set(members)
	for _, kind := range kinds {
		f.gauge.WithLabelValues(kind).Set(float64(count[kind]))
	}
	f.setInSync(true)
	select {
	case <-f.first:
	default:
		close(f.first)
	}
}
