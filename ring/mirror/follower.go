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

// ErrAway means that there is no session with ZooKeeper. Gossips returns it with the
// last known addresses. View returns it before ZooKeeper's first answer.
var ErrAway = errors.New("no session with ZooKeeper")

// A Follower copies the members from ZooKeeper to a table. Make it with NewFollower.
type Follower struct {
	// Set by NewFollower.
	cfg   Config
	table *ring.Table
	gauge *prometheus.GaugeVec // children by kind
	first chan struct{}        // closed by the first sync

	// Owned by Run.
	session  int64
	children map[string]child // by path
	listed   map[string]bool  // directories directories for whose children there is a watch
	checked  time.Time        // when sync last read everything

	// Guarded by mu.
	mu     sync.Mutex
	fired  map[string]bool // paths whose watch has fired
	inSync bool            // the table is the same as ZooKeeper's entries
}

// A child is an entry below the root, or beside it.
type child struct {
	member  ring.Member
	kind    string // one of kinds
	created int64  // id of the transaction that created it
	watched bool   // its data has a watch
}

const (
	isMember  = "member"
	isForeign = "foreign" // an entry without a sealed member, such as that of a CIM server
	isRefused = "refused" // an entry with a sealed member that has no valid MAC
)

var kinds = [...]string{isMember, isForeign, isRefused}

// NewFollower returns a follower that writes into table. No one else should write into
// that table.
func NewFollower(c Config, table *ring.Table) (*Follower, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("follow ZooKeeper: %w", err)
	}
	f := &Follower{
		cfg: c, table: table, first: make(chan struct{}), children: make(map[string]child), listed: make(map[string]bool), fired: make(map[string]bool),
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cim_mirror_children", Help: "Entries in ZooKeeper, by kind.",
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

// Run copies the members until ctx ends, and returns nil. The table does not change
// while ZooKeeper is away.
func (f *Follower) Run(ctx context.Context) error {
	f.cfg.keep(ctx, f)
	return nil
}

// View returns the members, for Config.Members of package routefn. Before ZooKeeper's
// first answer it blocks for up to a second or until ctx ends, and then returns ErrAway.
// Later it returns the last known members at once, which may be old while ZooKeeper is
// away.
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

// firstTime is how long View waits for the first answer. It is as long as package seed
// waits for a node.
const firstTime = time.Second

// Gossips returns the gossip addresses of the members, for gossip.Config.More. It blocks
// until ZooKeeper's first answer or until ctx ends. While ZooKeeper is away it returns
// the last known addresses and ErrAway.
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

// event records that a watch has fired. A lost session makes all watches fire. The next
// sync sets them again.
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

// reread makes the next sync read everything, because a new key may open refused entries.
func (f *Follower) reread() { f.checked = time.Time{} }

// resumes returns false, because the follower sets watches. It has no entry that would
// end with its session.
func (f *Follower) resumes() bool { return false }

// readEvery is the time between two reads of everything, if no watch has fired.
const readEvery = time.Minute

// readAtMost is how often one sync may read. It reads again if entries come meanwhile.
const readAtMost = 3

// sync reads the changed entries, or all entries once a minute, and writes the table.
// If an entry moves to the root while sync reads, sync may miss the entry in both
// places. So if the root's watch has fired meanwhile, sync reads again. By the end of
// the reading that event has come, because ZooKeeper sends a watch's event before it
// answers a later request.
func (f *Follower) sync(conn *zk.Conn) (again time.Duration, err error) {
	now := time.Now()
	all := f.session != conn.SessionID() || now.Sub(f.checked) >= readEvery
	if f.session != conn.SessionID() { // the old session's watches are gone
		f.session = conn.SessionID()
		clear(f.listed)
		clear(f.children)
	}
	for range readAtMost {
		if err := f.read(conn, f.take(), all); err != nil {
			f.session = 0 // some entries and watches may be missing
			f.setInSync(false)
			return 0, err
		}
		if !f.changedMeanwhile() {
			break
		}
	}
	if all {
		f.checked = now
	}
	f.publish()
	return readEvery - now.Sub(f.checked), nil
}

// take returns the paths whose watch has fired since the last call of take.
func (f *Follower) take() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	fired := f.fired
	f.fired = make(map[string]bool)
	return fired
}

// changedMeanwhile reports whether the root's children have changed since the last call
// of take.
func (f *Follower) changedMeanwhile() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired[f.cfg.Root]
}

// read updates f.children. It reads the entries in fired, whose watches have fired, or
// all entries if all is true.
func (f *Follower) read(conn *zk.Conn, fired map[string]bool, all bool) error {
	var nodes []string
	for _, dir := range []string{f.cfg.Root, f.cfg.standby()} {
		f.listed[dir] = f.listed[dir] && !fired[dir]
		there, err := f.list(conn, dir, all)
		if err != nil {
			return err
		}
		nodes = append(nodes, there...)
	}
	children := make(map[string]child, len(nodes))
	for _, node := range nodes {
		c, ok := f.children[node]
		c.watched = c.watched && !fired[node]
		if !ok || all || !c.watched {
			var err error
			c, err = f.look(conn, node, c)
			if errors.Is(err, zk.ErrNoNode) {
				continue // the entry has gone since it was listed
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", node, err)
			}
		}
		children[node] = c
	}
	f.children = children
	return nil
}

// list returns the paths of the children of dir. It asks ZooKeeper if dir has no watch
// yet, or if all is true.
func (f *Follower) list(conn *zk.Conn, dir string, all bool) (nodes []string, err error) {
	if f.listed[dir] && !all {
		for node := range f.children {
			if path.Dir(node) == dir {
				nodes = append(nodes, node)
			}
		}
		return nodes, nil
	}
	var names []string
	if f.listed[dir] {
		names, _, err = conn.Children(dir)
	} else {
		names, _, _, err = conn.ChildrenW(dir)
		if errors.Is(err, zk.ErrNoNode) {
			if err = ensure(conn, dir, f.cfg.rights()); err == nil {
				names, _, _, err = conn.ChildrenW(dir)
			}
		}
	}
	if errors.Is(err, zk.ErrNoAuth) && dir != f.cfg.Root {
		return nil, nil // the directory does not exist, because nodes have no right to write beside the root
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	f.listed[dir] = true
	for _, name := range names {
		nodes = append(nodes, path.Join(dir, name))
	}
	return nodes, nil
}

// look reads the entry whose path is node. The parameter c has what the follower knows
// about the entry. If the entry has no watch, look sets one.
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
	case errors.Is(err, ring.ErrBadMAC), errors.Is(err, ring.ErrNotAdmitted):
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

// publish writes the members into the table. A node that restarted at another address has
// two entries until its old session ends. Of these two, the younger one counts.
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
