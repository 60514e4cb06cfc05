package mirror

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/cim-go/cim/ring"
)

func TestEntryOfAnEarlierBootIsReplacedAtOnce(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	older := member("n1")
	conn := client(t, server)
	eventually(t, "the root", func() bool { there, _, err := conn.Exists(c.Root); return there && err == nil })
	data, err := clusterKeys.Sealed(older).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Create(c.Root+"/"+Name(older), data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	r.await(t, older)
	newer := older
	newer.Boot++
	n := startNode(t, c, newer)
	start := time.Now()
	r.await(t, newer)
	if took := time.Since(start); took > c.Session/2 { // otherwise it takes until the earlier session expires
		t.Errorf("replaced after %v, want at once", took)
	}
	conn.Close() // this ends the earlier session, which must not delete the entry
	later := newer
	later.State = ring.Draining
	n.set(later)
	r.await(t, later)
}

func TestEntryOfAnotherNodeIsWaitedOut(t *testing.T) {
	c := config(t, server)
	first := startNode(t, c, member("n1"))
	r := startReader(t, c)
	r.await(t, member("n1"))
	other := member("n1")
	other.ID = "other"
	lines := make(chan string, 100)
	c.Logger = slog.New(slog.NewTextHandler(lineChan(lines), nil))
	startNode(t, c, other)
	for line := range lines {
		if strings.Contains(line, "another node has an entry at our address") {
			break
		}
	}
	r.await(t, member("n1"))
	first.stop()
	r.await(t, other)
}

func TestDeletedEntryComesBack(t *testing.T) {
	c := config(t, server)
	startNode(t, c, member("n1"))
	r := startReader(t, c)
	r.await(t, member("n1"))
	conn := client(t, server)
	if err := conn.Delete(c.Root+"/"+Name(member("n1")), -1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new entry", func() bool {
		there, _, err := conn.Exists(c.Root + "/" + Name(member("n1")))
		return there && err == nil
	})
	r.await(t, member("n1"))
}

func TestNodeThatMovedStandsOnce(t *testing.T) {
	c := config(t, server)
	here, there := member("n1"), member("n1")
	there.Client, there.Boot = "10.9.9.9:11211", 2
	old := startNode(t, c, here)
	r := startReader(t, c)
	r.await(t, here)
	startNode(t, c, there)
	r.await(t, there)
	old.stop()
	r.await(t, there)
}
