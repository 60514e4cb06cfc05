package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/node/cim-server/nodeserver"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

// TestMain makes the test binary the programs, too: scripts and clusters run
// cim, cim-server and cim-route with the race detector in them.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cim":        main,
		"cim-server": func() { os.Exit(process.Main("cim-server", nodeserver.Run)) },
		"cim-route":  func() { os.Exit(process.Main("cim-route", routeserver.Run)) },
	})
}

// TestScripts runs what a user could have typed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

func startCluster(t *testing.T, c up.Config) *up.Cluster {
	t.Helper()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	c.Program = []string{program}
	c.Dir = t.TempDir()
	cluster, err := up.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			tellLogs(t, cluster)
		}
	})
	return cluster
}

// tellLogs shows what the processes said last.
func tellLogs(t *testing.T, c *up.Cluster) {
	for _, p := range append(c.Routes(), processes(c)...) {
		b, err := os.ReadFile(p.Log)
		if err != nil {
			t.Log(err)
			continue
		}
		t.Logf("%s:\n%s", p.Name, b[max(0, len(b)-4000):])
	}
}

func processes(c *up.Cluster) []*up.Process {
	var list []*up.Process
	for _, n := range c.Nodes() {
		list = append(list, n.Process)
	}
	return list
}

// within waits for what was promised within a time, and returns how long that took.
// eventually waits for what has no such promise.
var (
	within     = wait.Within
	eventually = wait.Until
)

// crowd is a number of users, each of whom the first one writes to.
type crowd struct {
	t       *testing.T
	writer  *client.Client
	readers []*reader
	sent    atomic.Int64 // rounds: a message to each reader
	done    sync.WaitGroup
}

// reader checks while it reads: messages of the writer are numbered from 0.
type reader struct {
	*client.Client
	next   atomic.Int64 // number of the message that comes next
	broken atomic.Pointer[string]
	shown  func(client.Message) // called for every message; nil: nobody asks
}

func newCrowd(t *testing.T, routes []string, n int, prefix string) *crowd {
	t.Helper()
	c := &crowd{t: t, writer: connect(t, routes, prefix+"-writer")}
	t.Cleanup(c.leave)
	for i := range n {
		c.add(connect(t, routes, prefix+"-"+strconv.Itoa(i)))
	}
	return c
}

func (c *crowd) add(cl *client.Client) {
	r := &reader{Client: cl}
	r.next.Store(c.sent.Load())
	c.readers = append(c.readers, r)
	c.done.Go(r.read)
}

// leave closes everybody's connection and waits until nobody reads.
func (c *crowd) leave() {
	for _, r := range c.readers {
		r.Close() // its error is always nil
	}
	c.done.Wait()
}

func connect(t *testing.T, routes []string, name string) *client.Client {
	t.Helper()
	return connectAs(t, client.Config{Routes: routes, Name: name, Device: "test"})
}

func connectAs(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	if _, err := client.Register(t.Context(), cfg); err != nil {
		t.Fatalf("register %s: %v", cfg.Name, err)
	}
	cl, err := client.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatalf("connect %s: %v", cfg.Name, err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

func (r *reader) read() {
	for {
		m, err := r.Receive(context.Background())
		if err != nil {
			return
		}
		want := strconv.FormatInt(r.next.Load(), 10)
		if m.Text != want {
			why := fmt.Sprintf("user %d was shown %q where %q belongs", r.Self().User, m.Text, want)
			r.broken.CompareAndSwap(nil, &why)
		}
		r.next.Add(1)
		if r.shown != nil {
			r.shown(m)
		}
	}
}

// round writes one message to every reader and returns when all are accepted.
func (c *crowd) round() {
	c.t.Helper()
	text := strconv.FormatInt(c.sent.Load(), 10)
	var pending []*client.Pending
	for _, r := range c.readers {
		p, err := c.writer.Enqueue(c.t.Context(), client.Outgoing{To: r.Self().User, Text: text})
		if err != nil {
			c.t.Fatalf("enqueue: %v", err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Wait(c.t.Context()); err != nil {
			c.t.Fatalf("not accepted: %v", err)
		}
	}
	c.sent.Add(1)
}

// caughtUp reports whether everybody was shown everything, and fails the test if
// anybody was shown anything else.
func (c *crowd) caughtUp() bool {
	c.t.Helper()
	all := true
	for _, r := range c.readers {
		if why := r.broken.Load(); why != nil {
			c.t.Fatal(*why)
		}
		if n := r.next.Load(); n > c.sent.Load() {
			c.t.Fatalf("user %d was shown %d messages of %d", r.Self().User, n, c.sent.Load())
		} else if n < c.sent.Load() {
			all = false
		}
	}
	return all
}

// on returns the readers that are connected to a node.
func (c *crowd) on(node string) []*reader {
	var list []*reader
	for _, r := range c.readers {
		if r.State().Node.ID == node {
			list = append(list, r)
		}
	}
	return list
}

// members are what the route tells.
func members(t *testing.T, routeURL string) *ring.View {
	t.Helper()
	body, err := fetchMembers(t.Context(), http.DefaultClient, routeURL)
	if err != nil {
		return ring.NewView(nil)
	}
	var list []ring.Member
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	return ring.NewView(list)
}

func serves(v *ring.View, id string) bool {
	m, ok := v.Member(id)
	return ok && m.State == ring.Serving
}

// online are the users that a node itself says it holds.
func online(t *testing.T, n *up.Node) map[int64]bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.HTTP+proto.PathNodeOnline+"?limit=500", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+ring.ServiceToken(nil))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("online of %s: %s %s %v", n.ID, answer.Status, body, err)
	}
	var page proto.OnlineAnswer
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	users := make(map[int64]bool)
	for _, u := range page.Users {
		users[u.User] = true
	}
	return users
}

// A third node joins two, one is killed, one is paused: with a real Redis and a
// real ZooKeeper, and messages all the while.
func TestNodesJoinDieAndPauseWhileUsersChat(t *testing.T) {
	cluster := startCluster(t, up.Config{Nodes: 2, Redis: "spawn", ZK: "spawn"})
	registry := zooKeeper(t, cluster.ZK())
	routeURL := cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 30, "early")
	crowd.round()
	within(t, 5*time.Second, "everybody is shown the first message", crowd.caughtUp)
	before := members(t, routeURL).Ring()

	third, err := cluster.AddNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := within(t, 5*time.Second, "the route sees three", func() bool { return members(t, routeURL).Ring().Len() == 3 })
	moved := ring.Moved(before, members(t, routeURL).Ring())
	t.Logf("third node known to the route %v after it was ready; %.2f %% of owners moved", took, 100*moved)
	if moved > 1.0/3+0.01 {
		t.Errorf("%.2f %% of owners moved, want at most 1/3 + 1 %%", 100*moved)
	}
	within(t, 10*time.Second, "ZooKeeper lists three", func() bool { return listed(registry) == 3 })
	for i := range 30 {
		crowd.add(connect(t, cluster.RouteURLs(), "late-"+strconv.Itoa(i)))
	}
	if len(crowd.on(third.ID)) == 0 {
		t.Errorf("of 30 users who came after %s none landed there", third.ID)
	}
	crowd.round()
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)

	t.Run("killed", func(t *testing.T) { killNode(t, cluster, crowd) })
	t.Run("paused", func(t *testing.T) { pauseNode(t, cluster, crowd) })
}

func killNode(t *testing.T, cluster *up.Cluster, crowd *crowd) {
	victim := cluster.Nodes()[1]
	held := crowd.on(victim.ID)
	if len(held) == 0 {
		t.Fatalf("nobody is on %s", victim.ID)
	}
	killed := time.Now()
	victim.Kill()
	crowd.round()
	within(t, 5*time.Second-time.Since(killed), "everybody is back and served", crowd.caughtUp)
	t.Logf("%d users of %s back and served %v after the kill", len(held), victim.ID, time.Since(killed))
	within(t, 5*time.Second-time.Since(killed), "the route knows that the node is gone", func() bool {
		return !serves(members(t, cluster.RouteURLs()[0]), victim.ID)
	})
	t.Logf("the route knew %v after the kill", time.Since(killed))
}

func pauseNode(t *testing.T, cluster *up.Cluster, crowd *crowd) {
	victim := cluster.Nodes()[2]
	held := crowd.on(victim.ID)
	if len(held) == 0 {
		t.Fatalf("nobody is on %s", victim.ID)
	}
	paused := time.Now()
	if err := victim.Pause(); err != nil {
		t.Fatal(err)
	}
	crowd.round()
	within(t, 16*time.Second, "everybody is served elsewhere", func() bool {
		return crowd.caughtUp() && len(crowd.on(victim.ID)) == 0
	})
	t.Logf("%d users of %s served elsewhere %v after the pause", len(held), victim.ID, time.Since(paused))
	time.Sleep(20*time.Second - time.Since(paused)) // the pause is what is tested
	if err := victim.Resume(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "nobody is connected twice", func() bool {
		seen := make(map[int64]int)
		for _, n := range cluster.Nodes() {
			if n == victim || n.Process.Running() {
				for u := range online(t, n) {
					seen[u]++
				}
			}
		}
		for _, r := range crowd.readers {
			if seen[r.Self().User] != 1 {
				return false
			}
		}
		return true
	})
	within(t, 20*time.Second, "the node that was paused is on the ring again", func() bool {
		return serves(members(t, cluster.RouteURLs()[0]), victim.ID)
	})
	crowd.round()
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)
}
