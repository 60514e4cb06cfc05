package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/ring"
)

func TestAnyMemberIsASeed(t *testing.T) {
	all := []*testNode{startNode(t, "a", nil)}
	ids := []string{"a"}
	for _, id := range []string{"b", "c", "d", "e"} {
		all = append(all, startNode(t, id, seeds(all[len(all)-1])))
		ids = append(ids, id)
	}
	for _, n := range all {
		n.awaitMembers(t, ids...)
		n.awaitReady(t)
	}
	if a, e := all[0].table.Current(), all[4].table.Current(); a.Ring().Signature() != e.Ring().Signature() {
		t.Error("two nodes with the same members have two rings")
	}
	all[2].leave()
	all[4].awaitMembers(t, "a", "b", "d", "e")
}

// memberlist's Join fails if no node listens yet, and joins this node's own address.
func TestTwoThatStartAtOnceFindEachOther(t *testing.T) {
	addrs := []string{ports.ForTest(t), ports.ForTest(t)}
	var nodes []*testNode
	for i, id := range []string{"a", "b"} {
		nodes = append(nodes, startNode(t, id, func(c *Config) {
			c.Bind, c.Seeds = addrs[i], addrs
			c.backoffFirst = 50 * time.Millisecond
		}))
	}
	for _, n := range nodes {
		n.awaitMembers(t, "a", "b")
		n.awaitReady(t)
	}
}

func TestReadyNeverComesByTime(t *testing.T) {
	nobody := ports.ForTest(t)
	quick := func(c *Config) { c.backoffFirst = time.Millisecond }
	for name, c := range map[string]struct {
		change func(*Config)
		reason string // empty: ready
	}{
		"no seeds":              {func(*Config) {}, ""},
		"a seed that is silent": {func(c *Config) { c.Seeds = []string{nobody} }, "no seed has answered"},
		"bootstrap":             {func(c *Config) { c.Seeds, c.Bootstrap = []string{nobody}, true }, ""},
		"expects three":         {func(c *Config) { c.Expect = 3 }, "knows 1 of 3 expected members"},
		"zookeeper is empty":    {func(c *Config) { c.More = more(nil, nil) }, ""},
		"zookeeper is away":     {func(c *Config) { c.More = more(nil, errors.New("away")) }, "cannot be read"},
		"zookeeper has one":     {func(c *Config) { c.More = more([]string{nobody}, nil) }, "no member has answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewRegistry()
			n := startNode(t, "a", func(cfg *Config) {
				quick(cfg)
				c.change(cfg)
				cfg.Registerer = reg
			})
			if c.reason == "" {
				n.awaitReady(t)
				return
			}
			if n.cfg.Expect == 0 && n.cfg.Seeds != nil { // until several tries have failed
				eventually(t, "a third try", func() bool {
					return testutil.ToFloat64(n.metrics.joins.WithLabelValues("failed")) >= 3
				})
			}
			if ok, reason := n.Ready(); ok || !strings.Contains(reason, c.reason) {
				t.Errorf("ready is %v, %q, want %q", ok, reason, c.reason)
			}
		})
	}
}

func TestItselfIsNoMemberToFind(t *testing.T) {
	addr := ports.ForTest(t)
	rounds := make(chan struct{})
	n := startNode(t, "a", func(c *Config) {
		c.Bind, c.Seeds = addr, []string{addr, "localhost" + addr[strings.Index(addr, ":"):]}
		c.Resolver = names{"localhost": {"127.0.0.1"}}
		c.rejoinEvery = time.Millisecond
		c.More = func(ctx context.Context) ([]string, error) {
			select {
			case rounds <- struct{}{}:
			case <-ctx.Done():
			}
			return []string{addr}, nil
		}
	})
	for range 3 {
		<-rounds
	}
	if ok, _ := n.Ready(); ok {
		t.Error("ready, though it knows nobody")
	}
	for _, result := range []string{"joined", "failed"} {
		if got := testutil.ToFloat64(n.metrics.joins.WithLabelValues(result)); got != 0 {
			t.Errorf("the node tried to join itself: %v %s", got, result)
		}
	}
}

func TestExpectedNumberMakesReady(t *testing.T) {
	expect := func(c *Config) { c.Expect = 2; c.Self.State = ring.Joining }
	a := startNode(t, "a", expect)
	if ok, _ := a.Ready(); ok {
		t.Error("ready alone, two are expected")
	}
	b := startNode(t, "b", func(c *Config) { expect(c); seeds(a)(c) })
	for _, n := range []*testNode{a, b} {
		n.awaitReady(t)
	}
	b.SetState(ring.Serving)
	c := startNode(t, "c", func(c *Config) { c.Expect = 9; seeds(a)(c) })
	c.awaitReady(t) // because another serves
}

func TestDeadNodeIsKnownWithinFourSeconds(t *testing.T) {
	var net network
	a := startNode(t, "a", net.on)
	b := startNode(t, "b", func(c *Config) { net.on(c); seeds(a)(c) })
	c := startNode(t, "c", func(c *Config) { net.on(c); seeds(a)(c) })
	for _, n := range []*testNode{a, b, c} {
		n.awaitMembers(t, "a", "b", "c")
	}
	start := time.Now()
	net.split(9, c)
	a.awaitMembers(t, "a", "b")
	b.awaitMembers(t, "a", "b")
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("a dead node was detected after %v, want 4 s", took)
	} else {
		t.Logf("detected after %v", took)
	}
}

func TestWrongKeyIsTold(t *testing.T) {
	a := startNode(t, "a", nil)
	for name, keys := range map[string]*ring.Keys{
		"another key": ring.NewKeys([]byte("another cluster's")),
		"no key":      ring.NewKeys(),
	} {
		b := startNode(t, "b", func(c *Config) { seeds(a)(c); c.Keys = keys })
		if err := b.awaitEnd(t); !errors.Is(err, ErrWrongKey) || !strings.Contains(err.Error(), a.Addr()) {
			t.Errorf("%s: Run returns %v, want ErrWrongKey and the seed's address", name, err)
		}
	}
	if n := len(a.table.Current().Members()); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
}

func TestOtherClusterNameStaysOut(t *testing.T) {
	a := startNode(t, "a", nil)
	var lines logLines
	b := startNode(t, "b", func(c *Config) {
		seeds(a)(c)
		c.Cluster = "staging"
		c.backoffFirst = time.Millisecond
		c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
	})
	eventually(t, "a hint at the cluster's name", func() bool { return lines.count("is the cluster name the same?") > 0 })
	eventually(t, "more tries", func() bool { return testutil.ToFloat64(b.metrics.joins.WithLabelValues("failed")) > 3 })
	if ok, _ := b.Ready(); ok || len(a.table.Current().Members()) != 1 {
		t.Error("a node of another cluster joined")
	}
	if n := lines.count("no member found"); n != 1 {
		t.Errorf("the same reason was logged %d times, want once", n)
	}
}

// logLines collects log lines.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func TestBadMACNeverEntersTheTable(t *testing.T) {
	var lines logLines
	a := startNode(t, "a", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
	b := startNode(t, "b", seeds(a))
	real := b.Self()
	for name, meta := range map[string][]byte{
		"junk":         []byte("junk"),
		"no-mac":       ring.Seal(real, nil),
		"foreign":      ring.Seal(real, ring.MemberKey([]byte("another cluster's"))),
		"anothers-own": b.cfg.Keys.Seal(real), // a real member's metadata under another name
	} {
		intruder := startRaw(t, name, meta, a.cfg.Keys)
		before := testutil.ToFloat64(a.metrics.refused)
		for range 3 {
			if _, err := intruder.Join([]string{a.Addr()}); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "counted", func() bool { return testutil.ToFloat64(a.metrics.refused) >= before+3 })
		if n := lines.count("peer=" + name); n != 1 {
			t.Errorf("%s was logged %d times, want once", name, n)
		}
	}
	a.awaitMembers(t, "a", "b")
	b.awaitMembers(t, "a", "b")
}

// startRaw starts a memberlist node that knows the cluster's encryption key and
// has any metadata.
func startRaw(t *testing.T, name string, meta []byte, keys *ring.Keys) *memberlist.Memberlist {
	t.Helper()
	c := memberlist.DefaultLocalConfig()
	c.Name, c.Label, c.BindAddr, c.BindPort = name, "test", "127.0.0.1", 0
	c.SecretKey = keys.Derive("gossip")[0]
	c.Delegate = rawMeta{meta}
	c.Logger = newLogger(slog.New(slog.DiscardHandler))
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return m
}

type rawMeta struct{ meta []byte }

func (r rawMeta) NodeMeta(int) []byte             { return r.meta }
func (r rawMeta) NotifyMsg([]byte)                {}
func (r rawMeta) GetBroadcasts(_, _ int) [][]byte { return nil }
func (r rawMeta) LocalState(bool) []byte          { return []byte("short") }
func (r rawMeta) MergeRemoteState([]byte, bool)   {}

func TestLoadIsToldAtABoundedRate(t *testing.T) {
	const every = 300 * time.Millisecond
	a := startNode(t, "a", nil)
	b := startNode(t, "b", func(c *Config) {
		seeds(a)(c)
		c.loadEvery = func(members int) time.Duration { return every * time.Duration(members) / 2 }
	})
	a.awaitMembers(t, "a", "b")
	seen := make(map[int]bool)
	load := func(v *ring.View) int { m, _ := v.Member("b"); return m.Load }
	start := time.Now()
	for step := range 40 {
		b.SetLoad(step + 1)
		b.await(t, "its own load at once", func(v *ring.View) bool { return load(v) == step+1 })
		seen[load(a.table.Current())] = true
		time.Sleep(every / 20) // a load changes as time passes
	}
	a.await(t, "the last load", func(v *ring.View) bool { return load(v) == 40 })
	if most := int(time.Since(start)/every) + 2; len(seen) > most {
		t.Errorf("%d loads were announced in %v, want at most %d", len(seen), time.Since(start), most)
	}
	b.SetState(ring.Draining)
	a.await(t, "the state", func(v *ring.View) bool { m, _ := v.Member("b"); return m.State == ring.Draining })
}

// memberlist forgets dead nodes, and so the other side of a long network split.
func TestSplitHeals(t *testing.T) {
	var net network
	quick := func(c *Config) {
		net.on(c)
		c.forgetDead = time.Millisecond
		c.rejoinEvery = 200 * time.Millisecond
	}
	var nodes []*testNode
	for _, id := range []string{"a", "b", "c", "d"} {
		nodes = append(nodes, startNode(t, id, func(c *Config) { quick(c); seeds(nodes...)(c) }))
	}
	for _, n := range nodes {
		n.awaitMembers(t, "a", "b", "c", "d")
	}
	net.split(1, nodes[:2]...)
	for i, n := range nodes {
		if i < 2 {
			n.awaitMembers(t, "a", "b")
		} else {
			n.awaitMembers(t, "c", "d")
		}
	}
	for _, n := range nodes { // then no node sends gossip to the dead ones
		eventually(t, "the dead forgotten", func() bool { return n.list.NumMembers() == 2 })
	}
	net.heal()
	for _, n := range nodes {
		n.awaitMembers(t, "a", "b", "c", "d")
	}
}

func TestRestartRemembersMembers(t *testing.T) {
	var net network
	path := filepath.Join(t.TempDir(), "members.json")
	a := startNode(t, "a", nil)
	b := startNode(t, "b", func(c *Config) { net.on(c); seeds(a)(c); c.Remember = path })
	a.awaitMembers(t, "a", "b")
	eventually(t, "the file", func() bool { return len(loadSeen(path, time.Now(), b.log)) == 1 })
	net.crash(b)
	again := startNode(t, "b", func(c *Config) { c.Bind, c.Remember = b.Addr(), path })
	again.awaitMembers(t, "a", "b")
	a.await(t, "the new boot", func(v *ring.View) bool { m, _ := v.Member("b"); return m.Boot == again.Self().Boot })
}

func TestRingsThatDifferForLongAreCounted(t *testing.T) {
	n := startNode(t, "a", func(c *Config) { c.settled = 50 * time.Millisecond })
	d := &delegate{n.Gossip}
	count := func() float64 { return testutil.ToFloat64(n.metrics.disagreements) }
	mine, _ := decodeExchange(d.LocalState(false))
	peer := exchange{boot: 1, sig: mine.sig + 1, sigAge: time.Minute, id: "b"}
	eventually(t, "a count", func() bool { d.MergeRemoteState(peer.encode(), false); return count() > 0 })
	before := count()
	for name, e := range map[string]exchange{
		"same ring":  {boot: 1, sig: mine.sig, sigAge: time.Minute, id: "b"},
		"young ring": {boot: 1, sig: mine.sig + 1, sigAge: time.Millisecond, id: "b"},
	} {
		if d.MergeRemoteState(e.encode(), false); count() != before {
			t.Errorf("%s: counted as a disagreement", name)
		}
	}
	if d.MergeRemoteState(peer.encode(), true); count() != before {
		t.Error("two clusters that join are counted as a disagreement")
	}
}

func TestKeysRotateWithoutARestart(t *testing.T) {
	older, newer := []byte("cluster key"), []byte("the next cluster key")
	a := startNode(t, "a", nil)
	b := startNode(t, "b", seeds(a))
	both := []*testNode{a, b}
	for i, step := range [][][]byte{{older, newer}, {newer, older}, {newer}} {
		for j, n := range both {
			if err := n.Rotate(step...); err != nil {
				t.Fatal(err)
			}
			// It arrives although only one side has rotated.
			load := 1 + 10*i + j
			n.SetLoad(load)
			n.announce()
			for _, other := range both {
				other.await(t, fmt.Sprintf("load %d of %s", load, n.Self().ID), func(v *ring.View) bool {
					m, _ := v.Member(n.Self().ID)
					return m.Load == load
				})
			}
		}
	}
	c := startNode(t, "c", func(c *Config) { seeds(b)(c); c.Keys = ring.NewKeys(newer) })
	c.awaitMembers(t, "a", "b", "c")
	d := startNode(t, "d", seeds(a)) // still has the older one
	if err := d.awaitEnd(t); !errors.Is(err, ErrWrongKey) {
		t.Errorf("the old key: %v, want ErrWrongKey", err)
	}
	if err := a.Rotate(); !errors.Is(err, ErrNoKey) {
		t.Errorf("rotated to no key: %v", err)
	}
}
