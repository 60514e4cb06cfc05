package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// A Publisher keeps this node's entry in ZooKeeper. Make it with NewPublisher.
type Publisher struct {
	// Set by NewPublisher.
	cfg       Config
	self      func() ring.Member
	table     *ring.Table
	published prometheus.Gauge

	// Owned by Run.
	stored  ring.Member     // the member in our entry, if written
	written bool            // our entry exists in session
	session int64           // the session of the last sync
	at      time.Time       // time of the last write of the entry
	checked time.Time       // time of the last read of the entry
	dir     string          // the entry's directory: the root, or standby
	moved   bool            // the other directory has no entry of this node
	next    <-chan struct{} // closed when the table changes
	waiting bool            // another node's entry is in our place, and that was logged
	refused bool            // standby must not be written, and that was logged
}

// NewPublisher returns a publisher of the member that the function self returns. The
// publisher calls self when table changes, which happens whenever gossip publishes this
// node. The function self must not block.
func NewPublisher(c Config, self func() ring.Member, table *ring.Table) (*Publisher, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("publish in ZooKeeper: %w", err)
	}
	p := &Publisher{cfg: c, self: self, table: table, published: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cim_mirror_published", Help: "1 while this node has an entry in ZooKeeper where CIM's routes find it.",
	})}
	if c.Registerer != nil {
		c.Registerer.MustRegister(p.published)
	}
	return p, nil
}

// Run publishes this node until ctx ends. Then it deletes the entry, which takes up to
// 3 s, and returns nil. If ZooKeeper is away, Run publishes the node when it is back.
func (p *Publisher) Run(ctx context.Context) error {
	p.cfg.keep(ctx, p)
	p.published.Set(0)
	return nil
}

// Name returns the name of a node's entry, as CIM defines it: <ip>:<client port>:<http
// port>.
func Name(m ring.Member) string {
	internal, _ := ring.HostPort(m.HTTP)
	_, httpPort, _ := net.SplitHostPort(internal)
	return m.ClientAddress().HostPort + ":" + httpPort
}

// event does nothing, because a publisher sets no watches.
func (p *Publisher) event(zk.Event) {}

func (p *Publisher) away() {
	p.published.Set(0)
	_, p.next = p.table.Watch()
}

func (p *Publisher) changed() <-chan struct{} { return p.next }

// reread makes the next sync write the entry again. After a rotation some readers have
// only the new key.
func (p *Publisher) reread() { p.written = false }

// resumes returns true, because the entry would end with the session.
func (p *Publisher) resumes() bool { return true }

// checkEvery is the time between two checks of the entry, which somebody may have deleted
// or replaced.
const checkEvery = 5 * time.Second

// sync writes this node's entry if it is missing or outdated.
func (p *Publisher) sync(conn *zk.Conn) (again time.Duration, err error) {
	var view *ring.View
	view, p.next = p.table.Watch() // Watch is called before p.self, so that no change is missed
	self := p.self()
	p.checkSession(conn.SessionID())
	p.chooseDir(self)
	if p.written && p.moved {
		if wait := p.wait(self, len(view.Members())); wait > 0 {
			return min(wait, askEvery), nil
		}
	}
	p.written = false
	done, err := p.write(conn, self)
	if errors.Is(err, zk.ErrNoAuth) && p.dir != p.cfg.Root {
		done, err = p.withdraw(self), nil
	}
	if err == nil && done && !p.moved {
		err = p.deleteOther(conn, self)
	}
	if err != nil || !done {
		p.published.Set(0)
		return retryAfter, err
	}
	p.published.Set(0)
	if p.dir == p.cfg.Root {
		p.published.Set(1)
	}
	return askEvery, nil
}

// chooseDir sets the entry's directory. It is the root while CIM's routes may send
// users to this node, and otherwise the standby directory beside it.
func (p *Publisher) chooseDir(self ring.Member) {
	takes := self.State == ring.Serving
	if p.cfg.Takes != nil {
		takes = p.cfg.Takes()
	}
	dir := p.cfg.standby()
	if takes {
		dir = p.cfg.Root
	}
	if dir != p.dir {
		p.dir, p.written, p.moved = dir, false, false
	}
}

// withdraw leaves the node without an entry, because it has no right to write beside
// the root. sync then deletes the entry under the root. Otherwise CIM's routes would
// send users to this node.
func (p *Publisher) withdraw(self ring.Member) (done bool) {
	if !p.refused {
		p.cfg.Logger.Warn("no right to write beside the root in ZooKeeper: this node has no entry while it takes no users", "path", p.dir)
	}
	p.refused, p.written = true, true
	p.stored, p.at, p.checked = self, time.Now(), time.Now()
	return true
}

// deleteOther deletes this node's entry in the other directory. sync calls it after it
// has written the new entry, so that there is always an entry.
func (p *Publisher) deleteOther(conn *zk.Conn, self ring.Member) error {
	dir := p.cfg.Root
	if p.dir == dir {
		dir = p.cfg.standby()
	}
	node := path.Join(dir, Name(self))
	data, stat, err := conn.Get(node)
	if err == nil && (stat.EphemeralOwner == p.session || p.isOurs(data)) {
		err = conn.Delete(node, stat.Version)
		if err == nil && dir == p.cfg.Root {
			p.cfg.Logger.Info("removed from ZooKeeper's root: CIM's routes send no users here", "path", node)
		}
	}
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return fmt.Errorf("delete %s: %w", node, err)
	}
	p.moved = true
	return nil
}

// checkSession makes sync write the entry again if the session has changed.
func (p *Publisher) checkSession(session int64) {
	if p.session != session {
		p.session, p.written, p.moved = session, false, false
	}
}

// wait returns how long the stored entry may stay as it is. If the entry equals self, it
// may stay until the next check. If only the load differs, it may stay until the next
// load may be written. Otherwise the result is 0.
func (p *Publisher) wait(self ring.Member, members int) time.Duration {
	check := checkEvery - time.Since(p.checked)
	if self == p.stored {
		return check
	}
	self.Load = p.stored.Load
	if self == p.stored {
		return min(check, ring.LoadInterval(members)-time.Since(p.at))
	}
	return 0
}

// write writes self's entry. It returns false if the entry changed meanwhile or belongs
// to another node. sync then tries again later.
func (p *Publisher) write(conn *zk.Conn, self ring.Member) (done bool, err error) {
	node := path.Join(p.dir, Name(self))
	data, err := json.Marshal(p.cfg.Keys.Sealed(self))
	if err != nil {
		return false, fmt.Errorf("encode node: %w", err)
	}
	now := time.Now()
	old, stat, err := conn.Get(node)
	switch {
	case errors.Is(err, zk.ErrNoNode):
		err = p.create(conn, node, data)
	case err != nil:
	case stat.EphemeralOwner == p.session:
		if !bytes.Equal(old, data) {
			_, err = conn.Set(node, data, stat.Version)
		}
	case p.isOurs(old):
		err = replace(conn, node, data, stat.Version, p.cfg.rights())
	default:
		p.waitFor(node)
		return false, nil
	}
	if errors.Is(err, zk.ErrNodeExists) || errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
		return false, nil // another process has changed the entry
	}
	if err != nil {
		return false, fmt.Errorf("publish %s: %w", node, err)
	}
	if self != p.stored {
		p.stored, p.at = self, now
	}
	p.checked, p.waiting, p.written = now, false, true
	return true, nil
}

func (p *Publisher) create(conn *zk.Conn, node string, data []byte) error {
	rights := p.cfg.rights()
	if err := ensure(conn, p.dir, rights); err != nil {
		return err
	}
	if p.cfg.Auth != "" { // the path may be older than Auth, and users with the right to write there may delete entries
		if _, err := conn.SetACL(p.dir, rights, -1); err != nil {
			return fmt.Errorf("set rights of %s: %w", p.dir, err)
		}
	}
	_, err := conn.Create(node, data, zk.FlagEphemeral, rights)
	if err == nil && p.dir == p.cfg.Root {
		p.cfg.Logger.Info("published in ZooKeeper", "path", node)
	}
	return err
}

// isOurs reports whether data is an entry of this node, from an earlier session or
// boot.
func (p *Publisher) isOurs(data []byte) bool {
	m, err := open(data, p.cfg.Keys)
	return err == nil && m.ID == p.self().ID
}

// replace replaces an entry in one transaction, so that it never is missing for a reader.
func replace(conn *zk.Conn, node string, data []byte, version int32, rights []zk.ACL) error {
	_, err := conn.Multi(
		&zk.DeleteRequest{Path: node, Version: version},
		&zk.CreateRequest{Path: node, Data: data, Acl: rights, Flags: zk.FlagEphemeral},
	)
	return err
}

// waitFor logs once that another node has an entry in our place. If that node is dead,
// its entry disappears when its session ends. If that node is alive, two nodes have the
// same address.
func (p *Publisher) waitFor(node string) {
	if !p.waiting {
		p.waiting = true
		p.cfg.Logger.Warn("another node has an entry at our address in ZooKeeper", "path", node)
	}
}
