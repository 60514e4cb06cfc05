//go:build mixed

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// These tests run nodes and routes of two versions in one system. CIM_OLD names a cim
// program that was built from a commit before processes had keys, such as f6163ce:
//
//	git worktree add /tmp/old f6163ce && (cd /tmp/old && go build -o /tmp/cim-old ./client/cim)
//	CIM_OLD=/tmp/cim-old go test -tags mixed -run TestMixed -v ./client/cim

// mixed is a system whose nodes and routes are started one by one.
type mixed struct {
	t                                      *testing.T
	old, present                           string // programs
	dir, key, store, gossip, http, routeAt string
}

// output is what a process has logged so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Contains(o.b.String(), text)
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	m := &mixed{t: t, old: os.Getenv("CIM_OLD"), dir: t.TempDir(), gossip: ports.ForTest(t), http: ports.ForTest(t), routeAt: ports.ForTest(t)}
	if m.old == "" {
		t.Fatal("CIM_OLD does not name a cim program of the version before")
	}
	var err error
	if m.present, err = exec.LookPath("cim"); err != nil {
		t.Fatal(err)
	}
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: filepath.Join(m.dir, "redis")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	m.store = server.URL()
	keys := filepath.Join(m.dir, "keys")
	for _, words := range [][]string{{"init"}, {"add-node", "node-1"}, {"add-route", "route-1"}} {
		if out, err := exec.Command(m.present, append(append([]string{"cluster"}, words...), "-dir", keys)...).CombinedOutput(); err != nil {
			t.Fatalf("cim cluster %v: %v %s", words, err, out)
		}
	}
	m.key = "file:" + filepath.Join(keys, "cluster.key")
	return m
}

// start runs a program until the test ends, or stop is called.
func (m *mixed) start(program string, args ...string) (log *output, stop func()) {
	m.t.Helper()
	cmd := exec.Command(program, args...)
	log = new(output)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
		_ = cmd.Wait()                          // the log tells how
		if m.t.Failed() {
			m.t.Logf("%s %v:\n%s", program, args, log.b.String())
		}
	})
	m.t.Cleanup(stop)
	return log, stop
}

// identity returns the flags of a process of the present version.
func (m *mixed) identity(id string, accept bool) []string {
	flags := []string{"-identity", filepath.Join(m.dir, "keys", id+".pem")}
	if accept {
		flags = append(flags, "-accept-cluster-key")
	}
	return flags
}

func (m *mixed) node(program string, flags ...string) (*output, func()) {
	return m.start(program, append([]string{
		"server", "-auth", "open", "-id", "node-1", "-listen", ports.ForTest(m.t), "-http", m.http, "-gossip", m.gossip, "-bootstrap",
		"-cluster-key", m.key, "-route-url", "http://" + m.routeAt,
	}, flags...)...)
}

func (m *mixed) route(program string, flags ...string) (*output, func()) {
	return m.start(program, append([]string{
		"route", "-auth", "open", "-listen", m.routeAt, "-redis", m.store, "-cluster-key", m.key, "-ring", "seed:" + m.http,
	}, flags...)...)
}

// chats fails the test unless everybody is shown what is written, in order.
func (m *mixed) chats(prefix string) *crowd {
	m.t.Helper()
	route := "http://" + m.routeAt
	wait.Until(m.t, "the route knows the node", func() bool { return serves(members(m.t, route), "node-1") })
	c := newCrowd(m.t, []string{route}, 6, prefix)
	for range 3 {
		c.round()
	}
	wait.Until(m.t, "everybody is shown everything", c.caughtUp)
	return c
}

// Both orders, with -accept-cluster-key: nothing is lost, and nobody is logged out when
// the other process is replaced, too, and then the flag is taken away.
func TestMixedVersionsServeWhileTheClusterKeyIsAccepted(t *testing.T) {
	for name, newRoute := range map[string]bool{"old node, new route": true, "new node, old route": false} {
		t.Run(name, func(t *testing.T) {
			m := newMixed(t)
			var stopNode, stopRoute func()
			if newRoute {
				_, stopNode = m.node(m.old)
				_, stopRoute = m.route(m.present, m.identity("route-1", true)...)
			} else {
				_, stopNode = m.node(m.present, m.identity("node-1", true)...)
				_, stopRoute = m.route(m.old)
			}
			c := m.chats("mixed")
			token := login(t, "http://"+m.routeAt, proto.LoginRequest{Name: "carol", Device: "phone"}).Token
			if newRoute {
				stopNode()
				_, stopNode = m.node(m.present, m.identity("node-1", true)...)
			} else {
				stopRoute()
				_, stopRoute = m.route(m.present, m.identity("route-1", true)...)
			}
			c.round()
			wait.Until(t, "everybody is shown everything after the other was replaced", c.caughtUp)
			stopNode()
			m.node(m.present, m.identity("node-1", false)...)
			stopRoute()
			m.route(m.present, m.identity("route-1", false)...)
			c.round()
			wait.Until(t, "everybody is shown everything without the flag", c.caughtUp)
			if code := post(t, "http://"+m.routeAt+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: "phone"}, nil); code != proto.OK {
				t.Errorf("a token of before: %v", code)
			}
		})
	}
}

// Both orders, without -accept-cluster-key: nothing goes, and the log of the process of
// this version names the flag.
func TestMixedVersionsAreRefusedByName(t *testing.T) {
	for name, newRoute := range map[string]bool{"old node, new route": true, "new node, old route": false} {
		t.Run(name, func(t *testing.T) {
			m := newMixed(t)
			var log *output
			if newRoute {
				m.node(m.old)
				log, _ = m.route(m.present, m.identity("route-1", false)...)
			} else {
				log, _ = m.node(m.present, m.identity("node-1", false)...)
				m.route(m.old)
			}
			wait.Until(t, "the log names the flag", func() bool { return log.has("-accept-cluster-key") })
		})
	}
}

// Without keys per process: a route of this version beside an old one seals the route key.
// The old one goes on, tokens stay good at both, and the key does not come back.
func TestMixedRoutesShareASealedKey(t *testing.T) {
	m := newMixed(t)
	m.node(m.old)
	m.route(m.old)
	c := m.chats("sealed")
	old := "http://" + m.routeAt
	before := login(t, old, proto.LoginRequest{Name: "carol", Device: "phone"}).Token
	m.routeAt = ports.ForTest(t)
	log, _ := m.route(m.present)
	wait.Until(t, "the key is sealed", func() bool { return log.has("sealed in place") })
	m.chats("sealed-new")
	after := login(t, "http://"+m.routeAt, proto.LoginRequest{Name: "carol", Device: "desk"}).Token
	c.round()
	wait.Until(t, "everybody is shown everything", c.caughtUp)
	for _, route := range []string{old, "http://" + m.routeAt} {
		for device, token := range map[string]string{"phone": before, "desk": after} {
			if code := post(t, route+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: device}, nil); code != proto.OK {
				t.Errorf("at %s, the token of %s: %v", route, device, code)
			}
		}
	}
	again, _ := m.start(m.old, "route", "-auth", "open", "-listen", ports.ForTest(t), "-redis", m.store, "-cluster-key", m.key, "-ring", "seed:"+m.http)
	wait.Until(t, "another old route refuses to start", func() bool { return again.has("WRONGTYPE") })
	m.routeAt = ports.ForTest(t)
	again, _ = m.route(m.present, "-cluster-key", "another key, which is long enough")
	wait.Until(t, "a route with another key refuses to start", func() bool { return again.has("want the -cluster-key of the other routes") })
}
