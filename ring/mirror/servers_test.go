package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/ring"
)

func TestServersAreReadFromZooKeepersString(t *testing.T) {
	for list, want := range map[string][]string{
		"zk1:2182,zk2:2183":         {"zk1:2182", "zk2:2183"},
		" zk1:2182 ,\tzk2 ":         {"zk1:2182", "zk2:2181"},
		"10.0.0.1,[fd77::1]:2182":   {"10.0.0.1:2181", "[fd77::1]:2182"},
		"[fd77::1]":                 {"[fd77::1]:2181"},
		"zk-0.zk.svc.cluster.local": {"zk-0.zk.svc.cluster.local:2181"},
	} {
		if got, err := ParseServers(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is read as %q, %v", list, got, err)
		}
	}
	for list, says := range map[string]string{
		"zk1:2181/prod":          "-zk-root /prod/cim",
		"zk1:2181,zk2:2181/a/b/": "-zk-root /a/b/cim",
		"zk1/prod":               "chroot",
		"zk1:2181,":              "want host:port",
		"":                       "want host:port",
		"zk1:2181;zk2:2181":      "want host:port",
		"zk1:2181 zk2:2181":      "want host:port",
		"zk://zk1:2181":          "scheme",
		"zk1:":                   "want host:port",
		":2181":                  "want host:port",
		"zk1:port":               "want host:port",
		"zk1:70000":              "want host:port",
		"user@zk1:2181":          "want host:port",
	} {
		if got, err := ParseServers(list); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is read as %q, %v, want an error with %q", list, got, err, says)
		}
		c := Config{Servers: strings.Split(list, ",")}
		if _, err := NewFollower(c, ring.NewTable()); err == nil {
			t.Errorf("a follower takes %q", list)
		}
	}
}

// A server that is down may have no address, for example in Kubernetes.
func TestNameWithoutAnAddressIsSkipped(t *testing.T) {
	c := config(t, server)
	c.Servers = []string{"no-such-host.invalid:2181", server.Addr(), "neither.invalid"}
	startNode(t, c, member("n1"))
	r := startReader(t, c)
	r.await(t, member("n1"))
}

// Each server has its turn, and there is a pause after all of them have failed.
func TestServersAreTriedInTurn(t *testing.T) {
	n := new(names)
	if err := n.Init([]string{"a", "b", "c"}); err != nil || n.Len() != 3 {
		t.Fatalf("%d servers, %v", n.Len(), err)
	}
	seen := make(map[string]int)
	for i := range 9 {
		server, pause := n.Next()
		seen[server]++
		if pause != (i > 0 && i%3 == 0) {
			t.Errorf("try %d: pause %v", i, pause)
		}
	}
	if seen["a"] != 3 || seen["b"] != 3 || seen["c"] != 3 {
		t.Errorf("tried were %v", seen)
	}
	n.Connected()
	var pauses []bool
	for range 4 {
		_, pause := n.Next()
		pauses = append(pauses, pause)
	}
	if !slices.Equal(pauses, []bool{false, false, true, false}) {
		t.Errorf("after a connection the pauses are %v", pauses)
	}
}

func TestViewIsUnknownBeforeTheFirstAnswer(t *testing.T) {
	c := config(t, server)
	away := c
	away.Servers = []string{"127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if view, err := startReader(t, away).View(ctx); !errors.Is(err, ErrAway) || view != nil {
		t.Errorf("without ZooKeeper: %v, %v, want ErrAway", view, err)
	}
	r := startReader(t, c)
	eventually(t, "an empty list of members", func() bool {
		view, err := r.View(t.Context())
		return err == nil && len(view.Members()) == 0
	})
}
