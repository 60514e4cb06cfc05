package mirror

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/ring"
)

// An unmodified CIM route finds a node by the name of an ephemeral child.
func TestNodeStandsWhereCIMLooks(t *testing.T) {
	c := config(t, server)
	c.Root = "" // CIM's own
	n := startNode(t, c, ring.Member{ID: "n", Client: "10.1.2.3:11211", HTTP: "10.1.2.3:8081", Weight: 1})
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
		t.Errorf("after its end the node is there: %v, %v", there, err)
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

func TestLoadIsWrittenAtABoundedRate(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	n := startNode(t, c, member("n1"))
	r.await(t, member("n1"))
	start := time.Now()
	seen := make(map[int]bool)
	loaded := member("n1")
	for loaded.Load = 1; loaded.Load < 50; loaded.Load++ {
		n.set(loaded)
		seen[r.table.Current().Members()[0].Load] = true
		time.Sleep(5 * time.Millisecond) // a load changes as time goes
	}
	r.await(t, n.get())
	if took := time.Since(start); took < time.Second || len(seen) > 1+int(took/(2*time.Second)) {
		t.Errorf("%d loads were written in %v, want one every 2 s", len(seen), took)
	}
}

func TestChildrenThatAreNoMembersAreCounted(t *testing.T) {
	c := config(t, server)
	conn := client(t, server)
	if err := ensure(conn, c.Root); err != nil {
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

// When the keys change nothing has to change beside them: entries are sealed anew, and
// what was refused is read again, at once and not with the next check.
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
