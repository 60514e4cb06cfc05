package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
)

// keyFile is a secret in a file, one key a line.
type keyFile struct {
	t    *testing.T
	path string
}

func newKeyFile(t *testing.T, keys ...string) keyFile {
	t.Helper()
	f := keyFile{t: t, path: filepath.Join(t.TempDir(), "key")}
	f.write(keys...)
	return f
}

func (f keyFile) write(keys ...string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f keyFile) flag() string { return "file:" + f.path }

const (
	oldKey = "the key before the change"
	newKey = "the key after the change"
)

// Changing the route key logs nobody out: connections stay and go on sending, and a
// token from before is good for another login until its key is taken away.
func TestRouteKeyIsChangedUnderLiveConnections(t *testing.T) {
	t.Parallel()
	key := newKeyFile(t, oldKey)
	cluster := startCluster(t, up.Config{Nodes: 1, RouteFlags: []string{"-route-key", key.flag()}})
	route := cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 4, "chat")
	crowd.round()
	before := login(t, route, proto.LoginRequest{Name: "carol", Device: "phone"}).Token
	change := func(keys ...string) {
		t.Helper()
		key.write(keys...)
		if err := cluster.RestartRoute(t.Context(), cluster.Routes()[0]); err != nil {
			t.Fatal(err)
		}
		crowd.round()
		eventually(t, "everybody is shown everything", crowd.caughtUp)
	}
	again := func(token string) (answer proto.LoginAnswer, code proto.Code) {
		return answer, post(t, route+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: "phone"}, &answer)
	}

	change(oldKey, newKey)
	change(newKey, oldKey)
	// The route has counted since its start.
	if n := metric(t, route, `cim_route_requests_total{code="ok",use_case="login"}`); n != 0 {
		t.Errorf("%v clients logged in again", n)
	}
	// Nodes learn the keys when they ask what is due, and do so for what is due now.
	writer := crowd.writer
	if _, err := writer.ScheduleAfter(t.Context(), client.Outgoing{To: writer.Self().User, Text: "now"}, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a ticket that the new key signed is good", func() bool {
		c, err := client.Connect(t.Context(), client.Config{Routes: cluster.RouteURLs(), Name: "carol", Device: "desk"})
		if err != nil {
			return false
		}
		c.Close() // its error is always nil
		return true
	})
	if _, code := again(before); code != proto.OK {
		t.Errorf("a token from before, while both keys are there: %v", code)
	}
	after := login(t, route, proto.LoginRequest{Name: "carol", Device: "phone"}).Token
	key.write(newKey)
	if err := cluster.RestartRoute(t.Context(), cluster.Routes()[0]); err != nil {
		t.Fatal(err)
	}
	if _, code := again(after); code != proto.OK {
		t.Errorf("a token of the new key: %v", code)
	}
	if _, code := again(before); code != proto.Unauthorized {
		t.Errorf("a token whose key is gone: %v", code)
	}
}

// Nodes and routes are started anew one after the other, and understand each other
// at every moment of it.
func TestClusterKeyIsChangedOneProcessAfterTheOther(t *testing.T) {
	t.Parallel()
	key := newKeyFile(t, oldKey)
	flags := []string{"-cluster-key", key.flag()}
	cluster := startCluster(t, up.Config{Nodes: 2, RouteFlags: flags, ServerFlags: flags})
	crowd := newCrowd(t, cluster.RouteURLs(), 2, "chat")
	check := func() {
		t.Helper()
		eventually(t, "the route knows both nodes", func() bool { return strings.Count(membersOf(t, cluster), `"state":"serving"`) == 2 })
		crowd.round()
		eventually(t, "everybody is shown everything", crowd.caughtUp)
	}
	check()
	nodes, route := cluster.Nodes(), cluster.Routes()[0]
	restart := func(node *up.Node) {
		t.Helper()
		if err := cluster.RestartNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	key.write(oldKey, newKey)
	restart(nodes[0])
	check() // the others know the old key alone
	restart(nodes[1])
	if err := cluster.RestartRoute(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	key.write(newKey, oldKey)
	restart(nodes[0])
	check() // it uses the new key, the others the old one
	restart(nodes[1])
	if err := cluster.RestartRoute(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	key.write(newKey)
	restart(nodes[0])
	check() // it knows the new key alone
}

// membersOf returns the members as a route tells them.
func membersOf(t *testing.T, c *up.Cluster) string {
	t.Helper()
	body, err := fetchMembers(t.Context(), http.DefaultClient, c.RouteURLs()[0])
	if err != nil {
		t.Log(err)
	}
	return string(body)
}
