package mirror

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/ring"
)

// An unmodified CIM route finds a node by the name of an ephemeral child.
func TestNodeHasItsEntryWhereCIMLooks(t *testing.T) {
	c := config(t, server)
	c.Root = "" // CIM's own
	n := startNode(t, c, ring.Member{ID: "n", Client: "10.1.2.3:11211", HTTP: "10.1.2.3:8081", Weight: 1, State: ring.Serving})
	conn := client(t, server)
	var stat *zk.Stat
	eventually(t, "the child", func() bool {
		var err error
		_, stat, err = conn.Get("/cim/10.1.2.3:11211:8081")
		return err == nil
	})
	if stat.EphemeralOwner == 0 {
		t.Error("the child is not ephemeral")
	}
	n.stop()
	if there, _, err := conn.Exists("/cim/10.1.2.3:11211:8081"); there || err != nil {
		t.Errorf("the entry exists after Run has ended: %v, %v", there, err)
	}
}

func TestPublishedNodesAreFollowed(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	r.await(t)
	n1, n2 := startNode(t, c, member("n1")), startNode(t, c, member("n2"))
	r.await(t, member("n1"), member("n2"))

	draining := member("n1")
	draining.State = ring.Draining
	n1.set(draining)
	r.await(t, draining, member("n2"))
	n2.stop()
	r.await(t, draining)
}

// CIM's route sends users to every entry under its root. So a node has its entry there
// only while it takes users. Our own routes and nodes find it all the time.
func TestEntryIsUnderTheRootOnlyWhileTheNodeTakesUsers(t *testing.T) {
	c := config(t, server)
	var takes atomic.Bool
	c.Takes = takes.Load
	conn := client(t, server)
	names := func(dir string) string {
		children, _, err := conn.Children(dir)
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			t.Fatal(err)
		}
		return strings.Join(children, " ")
	}
	r := startReader(t, c)
	joining := member("n1")
	joining.State = ring.Joining
	n := startNode(t, c, joining)
	r.await(t, joining)
	if got := names(c.Root); got != "" {
		t.Errorf("a node that joins has an entry under the root: %s", got)
	}
	published := func() float64 { return testutil.ToFloat64(n.published) }

	n.set(member("n1"))
	takes.Store(true)
	eventually(t, "an entry under the root alone", func() bool {
		return names(c.Root) == Name(member("n1")) && names(c.standby()) == "" && published() == 1
	})
	r.await(t, member("n1"))

	// The entry moves, and the member stays the same.
	takes.Store(false)
	eventually(t, "an entry beside the root alone", func() bool {
		return names(c.Root) == "" && names(c.standby()) == Name(member("n1")) && published() == 0
	})
	r.await(t, member("n1"))

	// An entry of an earlier boot under the root is deleted, too.
	n.stop()
	eventually(t, "no entry", func() bool { return names(c.Root)+names(c.standby()) == "" })
	data, err := clusterKeys.Sealed(member("n1")).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Create(c.Root+"/"+Name(member("n1")), data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	startNode(t, c, joining)
	eventually(t, "no entry of the earlier boot", func() bool {
		return names(c.Root) == "" && names(c.standby()) == Name(joining)
	})
}

// Where the access rights are for the root only, a node that takes no users has no entry.
func TestNodeWithRightsForTheRootOnlyDeletesItsEntry(t *testing.T) {
	c := config(t, server)
	var takes atomic.Bool
	takes.Store(true)
	c.Takes = takes.Load
	conn := client(t, server)
	if err := ensure(conn, c.standby(), c.rights()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.SetACL(c.standby(), zk.DigestACL(zk.PermAll, "somebody", "else"), -1); err != nil {
		t.Fatal(err)
	}
	startNode(t, c, member("n1"))
	hasEntry := func() bool {
		children, _, err := conn.Children(c.Root)
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			t.Fatal(err)
		}
		return len(children) > 0
	}
	eventually(t, "an entry under the root", hasEntry)
	takes.Store(false)
	eventually(t, "no entry under the root", func() bool { return !hasEntry() })
	takes.Store(true)
	eventually(t, "an entry under the root again", hasEntry)
}

// A node that starts while another one becomes ready must see it. Otherwise it would
// take itself for the first node of the cluster.
func TestNodeThatMovesIsAlwaysSeen(t *testing.T) {
	c := config(t, server)
	var takes atomic.Bool
	c.Takes = takes.Load
	n := startNode(t, c, member("n1"))
	r := startReader(t, config(t, server))
	r.await(t, member("n1"))
	for i := range 20 {
		takes.Store(i%2 == 0)
		n.table.Set([]ring.Member{member("n1"), member("n2")}) // wakes the publisher
		n.table.Set([]ring.Member{member("n1")})
		look, err := NewFollower(config(t, server), ring.NewTable())
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, look.Run)
		<-look.first
		if got := look.table.Current().Members(); len(got) != 1 {
			t.Fatalf("move %d: saw %v", i, got)
		}
		stop()
	}
}

func TestLoadIsWrittenAtABoundedRate(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	start := time.Now() // before the first write
	n := startNode(t, c, member("n1"))
	r.await(t, member("n1"))
	seen := make(map[int]bool)
	loaded := member("n1")
	for loaded.Load = 1; loaded.Load < 50; loaded.Load++ {
		n.set(loaded)
		seen[r.table.Current().Members()[0].Load] = true
		time.Sleep(5 * time.Millisecond) // a load changes as time passes
	}
	r.await(t, n.get())
	if took := time.Since(start); took < time.Second || len(seen) > 1+int(took/(2*time.Second)) {
		t.Errorf("%d loads were written in %v, want one every 2 s", len(seen), took)
	}
}

func TestChildrenThatAreNoMembersAreCounted(t *testing.T) {
	c := config(t, server)
	conn := client(t, server)
	if err := ensure(conn, c.Root, c.rights()); err != nil {
		t.Fatal(err)
	}
	evil, err := ring.NewKeys([]byte("another cluster's")).Sealed(member("n9")).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"10.0.0.1:1:2": nil, "10.0.0.2:1:2": []byte("10.0.0.2"), "10.0.0.3:1:2": evil} {
		if _, err := conn.Create(c.Root+"/"+name, data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	r := startReader(t, c)
	startNode(t, c, member("n1"))
	r.await(t, member("n1"))
	for kind, want := range map[string]float64{isMember: 1, isForeign: 2, isRefused: 1} {
		eventually(t, fmt.Sprintf("a count of %v %s", want, kind), func() bool {
			return testutil.ToFloat64(r.gauge.WithLabelValues(kind)) == want
		})
	}
}

func TestMirrorConfigIsChecked(t *testing.T) {
	for want, c := range map[string]Config{
		"no ZooKeeper server": {},
		`root "cim"`:          {Servers: []string{"a"}, Root: "cim"},
		`root "/cim/"`:        {Servers: []string{"a"}, Root: "/cim/"},
		`root "/"`:            {Servers: []string{"a"}, Root: "/"},
	} {
		if _, err := NewFollower(c, ring.NewTable()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
		if _, err := NewPublisher(c, nil, nil); err == nil {
			t.Errorf("%q: the publisher takes it", want)
		}
	}
}

// When the keys change, entries are sealed again and refused entries are read again. That
// happens at once, and does not need another change or the next check.
func TestChangedKeysAreUsedAtOnce(t *testing.T) {
	older, newer := []byte("cluster key"), []byte("the next cluster key")
	published, followed := config(t, server), config(t, server)
	published.Keys, followed.Keys = ring.NewKeys(older), ring.NewKeys(newer)
	startNode(t, published, member("n1"))
	r := startReader(t, followed)
	refused := func() float64 { return testutil.ToFloat64(r.gauge.WithLabelValues(isRefused)) }
	eventually(t, "the entry is refused", func() bool { return refused() == 1 })
	followed.Keys.Set(newer, older)
	r.await(t, member("n1"))
	published.Keys.Set(newer, older)
	alone := config(t, server)
	alone.Keys = ring.NewKeys(newer)
	startReader(t, alone).await(t, member("n1"))
}

// With rights, strangers read the entries and can neither plant nor delete one, also under
// a root from before.
func TestOnlyTheClusterWritesWhereThereAreRights(t *testing.T) {
	c := config(t, server)
	stranger := client(t, server)
	if err := ensure(stranger, c.Root, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	c.Auth = "cim:a password"
	startNode(t, c, member("n1"))
	node := c.Root + "/" + Name(member("n1"))
	eventually(t, "the entry", func() bool {
		ok, _, err := stranger.Exists(node)
		return err == nil && ok
	})
	data, stat, err := stranger.Get(node)
	if err != nil || len(data) == 0 {
		t.Fatalf("a stranger reads %q, %v", data, err)
	}
	if _, err := stranger.Create(c.Root+"/"+Name(member("n2")), data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("a stranger plants an entry: %v", err)
	}
	if err := stranger.Delete(node, stat.Version); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("a stranger deletes an entry: %v", err)
	}
	if _, err := stranger.Set(node, data, stat.Version); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("a stranger changes an entry: %v", err)
	}
	for _, auth := range []string{"cim", "cim:", ":password"} {
		c.Auth = auth
		if _, err := c.withDefaults(); err == nil {
			t.Errorf("%q is taken for user:password", auth)
		}
	}
}
