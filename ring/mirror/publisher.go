package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// A Publisher keeps this node in ZooKeeper. Make it with NewPublisher.
type Publisher struct {
	// Set by NewPublisher.
	cfg       Config
	self      func() ring.Member
	table     *ring.Table
	published prometheus.Gauge

	fired atomic.Bool // the watch on our entry has; set by event, cleared by sync

	// Owned by Run.
	told    ring.Member     // as ZooKeeper has it, if written
	written bool            // it has it under session
	session int64           // the session of the last sync
	at      time.Time       // when it was written
	checked time.Time       // when it was last looked at
	watched bool            // a watch on it is set
	next    <-chan struct{} // tells of a change here
	waiting bool            // for another node's entry to go; the log has it
}

// NewPublisher returns a publisher of what self returns; self must not block. It
// looks whenever table changes, as it does whenever gossip has published self.
func NewPublisher(c Config, self func() ring.Member, table *ring.Table) (*Publisher, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("publish in ZooKeeper: %w", err)
	}
	p := &Publisher{cfg: c, self: self, table: table, published: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cim_mirror_published", Help: "1 while this node stands in ZooKeeper.",
	})}
	if c.Registerer != nil {
		c.Registerer.MustRegister(p.published)
	}
	return p, nil
}

// Run publishes until ctx ends, takes the node away again, which may last 3 s,
// and returns nil. That ZooKeeper is away is no error: the node is published as
// soon as it can be.
func (p *Publisher) Run(ctx context.Context) error {
	p.cfg.keep(ctx, p)
	p.published.Set(0)
	return nil
}

// Name returns the name under which a node stands in ZooKeeper, CIM's:
// <ip>:<client port>:<http port>.
func Name(m ring.Member) string {
	_, httpPort, _ := net.SplitHostPort(m.HTTP)
	return m.Client + ":" + httpPort
}

// event notes that the only watch has fired, or is lost. It is told before the
// watch's own channel is.
func (p *Publisher) event(e zk.Event) {
	if e.Path != "" {
		p.fired.Store(true)
	}
}

func (p *Publisher) away() {
	p.published.Set(0)
	_, p.next = p.table.Watch()
}

func (p *Publisher) changed() <-chan struct{} { return p.next }

// rekeyed has the entry written again: who has the new key alone must be able to read it.
func (p *Publisher) rekeyed() { p.written = false }

// sync writes this node if ZooKeeper has it not, or otherwise.
func (p *Publisher) sync(conn *zk.Conn) (again time.Duration, err error) {
	var view *ring.View
	view, p.next = p.table.Watch() // before self is read, so that no change is missed
	self := p.self()
	p.notice(conn.SessionID())
	if p.written {
		if wait := p.wait(self, len(view.Members())); wait > 0 {
			return wait, nil
		}
	}
	p.written = false
	done, err := p.write(conn, self)
	if err != nil || !done {
		p.published.Set(0)
		return retryAfter, err
	}
	p.published.Set(1)
	return checkEvery, nil
}

// notice forgets what was written if it may be gone.
func (p *Publisher) notice(session int64) {
	if p.fired.Swap(false) || p.session != session {
		p.session, p.watched, p.written = session, false, false
	}
}

// wait returns for how long what is written may stand: for good, that is until
// the next check, if it is the node as it is now; for a while, if only the load
// differs.
func (p *Publisher) wait(self ring.Member, members int) time.Duration {
	check := checkEvery - time.Since(p.checked)
	if self == p.told {
		return check
	}
	self.Load = p.told.Load
	if self == p.told {
		return min(check, ring.LoadInterval(members)-time.Since(p.at))
	}
	return 0
}

// write makes ZooKeeper have self, and watches it. It reports false if it must
// be tried again, for an entry there changed meanwhile or is another's.
func (p *Publisher) write(conn *zk.Conn, self ring.Member) (done bool, err error) {
	node := path.Join(p.cfg.Root, Name(self))
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
		err = replace(conn, node, data, stat.Version)
	default:
		p.waitFor(node)
		return false, nil
	}
	if errors.Is(err, zk.ErrNodeExists) || errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
		return false, nil // somebody was there in between
	}
	if err != nil {
		return false, fmt.Errorf("publish %s: %w", node, err)
	}
	if self != p.told {
		p.told, p.at = self, now
	}
	p.checked, p.waiting = now, false
	p.written, err = p.watch(conn, node)
	return p.written, err
}

func (p *Publisher) create(conn *zk.Conn, node string, data []byte) error {
	if err := ensure(conn, p.cfg.Root); err != nil {
		return err
	}
	_, err := conn.Create(node, data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	if err == nil {
		p.cfg.Logger.Info("published in ZooKeeper", "path", node)
	}
	return err
}

// isOurs reports whether data is that of this node, written under an earlier
// session of ours or by an earlier boot.
func (p *Publisher) isOurs(data []byte) bool {
	m, err := open(data, p.cfg.Keys)
	return err == nil && m.ID == p.self().ID
}

// replace takes the place of an entry in one step, so that nobody sees it gone.
func replace(conn *zk.Conn, node string, data []byte, version int32) error {
	_, err := conn.Multi(
		&zk.DeleteRequest{Path: node, Version: version},
		&zk.CreateRequest{Path: node, Data: data, Acl: zk.WorldACL(zk.PermAll), Flags: zk.FlagEphemeral},
	)
	return err
}

// waitFor waits for an entry that is not ours to go: either its node is dead,
// and it goes when its session ends, or it is alive, and two nodes were given
// one address.
func (p *Publisher) waitFor(node string) {
	if !p.waiting {
		p.waiting = true
		p.cfg.Logger.Warn("another node stands at our address in ZooKeeper", "path", node)
	}
}

// watch sees to it that a change of the entry wakes Run, and reports whether it
// is there.
func (p *Publisher) watch(conn *zk.Conn, node string) (there bool, err error) {
	if p.watched {
		return true, nil
	}
	there, _, _, err = conn.ExistsW(node)
	if err != nil {
		return false, fmt.Errorf("watch %s: %w", node, err)
	}
	p.watched = true
	return there, nil
}
