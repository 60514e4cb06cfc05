package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto/wait"
)

// The whole life of a cluster as a user of terraform lives it: made from nothing,
// grown by seed and shrunk by draining while alice writes to bob, and removed.
func TestClusterLivesByTerraformAlone(t *testing.T) {
	root := newRoot(t)
	begun := time.Now()
	root.terraform("apply", "-auto-approve")
	route := strings.TrimSpace(root.terraform("output", "-raw", "route_url"))
	internal := strings.TrimSpace(root.terraform("output", "-raw", "internal_url"))
	talk := startTalk(t, route)
	took := time.Since(begun)
	t.Logf("from nothing to a chat it took %v; where nothing was built before, the build is most of it", took)
	if took > 3*time.Minute { // a minute is promised; others use the machine, too
		t.Errorf("from nothing to a chat it took %v", took)
	}
	root.terraform("plan", "-detailed-exitcode") // fails if anything would change
	root.wantMembers(internal, 3)

	root.terraform("apply", "-auto-approve", "-var", "node_count=5")
	root.wantMembers(internal, 5)
	root.terraform("apply", "-auto-approve", "-var", "node_count=2")
	root.wantMembers(internal, 2)
	talk.finish()
	root.wantNoSecrets()

	pids := root.pids()
	if len(pids) != 5 { // redis, zookeeper, route, two nodes
		t.Errorf("processes %v run, want 5", pids)
	}
	root.terraform("destroy", "-auto-approve", "-var", "node_count=2")
	for _, pid := range pids {
		if runs(pid) {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(root.data); !os.IsNotExist(err) {
		t.Errorf("%s is still there", root.data)
	}
}

func TestFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	root := newRoot(t)
	mine := filepath.Join(root.data, "mine")
	if err := os.MkdirAll(root.data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := root.run("apply", "-auto-approve")
	if err == nil || !strings.Contains(out, "files of somebody else") {
		t.Errorf("apply: %v, want an error that says why:\n%s", err, out)
	}
	if _, err := root.run("destroy", "-auto-approve"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

// A talk is alice writing to bob until she is told to stop.
type talk struct {
	t          *testing.T
	bob        *client.Client
	stop       context.CancelFunc
	sent       chan int // cap 1: how many were accepted, when she has stopped
	shown      chan string
	receptions context.Context
}

func startTalk(t *testing.T, route string) *talk {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	alice, bob := connect(ctx, t, route, "alice"), connect(ctx, t, route, "bob")
	writing, stop := context.WithCancel(ctx)
	k := &talk{t: t, bob: bob, stop: stop, sent: make(chan int, 1), shown: make(chan string, 100_000), receptions: ctx}
	go func() {
		n := 0
		defer func() { k.sent <- n }()
		for writing.Err() == nil {
			if _, err := alice.Send(ctx, bob.Self().User, fmt.Sprint(n)); err != nil {
				t.Errorf("alice sends message %d: %v", n, err)
				return
			}
			n++
			select {
			case <-writing.Done():
			case <-time.After(5 * time.Millisecond): // a pace, not a wait
			}
		}
	}()
	go func() {
		for m, err := range bob.Messages(ctx) {
			if err != nil {
				return
			}
			k.shown <- m.Text
		}
	}()
	return k
}

func connect(ctx context.Context, t *testing.T, route, name string) *client.Client {
	t.Helper()
	config := client.Config{Routes: []string{route}, Name: name, History: history.NewMemory()}
	if _, err := client.Register(ctx, config); err != nil {
		t.Fatalf("%s registers: %v", name, err)
	}
	c, err := client.Connect(ctx, config)
	if err != nil {
		t.Fatalf("%s connects: %v", name, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// finish checks that all that was accepted was shown once, in order.
func (k *talk) finish() {
	k.stop()
	n := <-k.sent
	if n < 100 {
		k.t.Errorf("only %d messages were sent", n)
	}
	for i := range n {
		select {
		case text := <-k.shown:
			if text != fmt.Sprint(i) {
				k.t.Fatalf("bob is shown %q, want %d of %d", text, i, n)
			}
		case <-time.After(wait.Limit):
			k.t.Fatalf("bob was shown %d of %d messages", i, n)
		}
	}
	if extra := len(k.shown); extra > 0 {
		k.t.Errorf("bob is shown %d messages too many", extra)
	}
	k.t.Logf("%d messages, each shown once, in order", n)
}

// wantMembers waits until the route knows so many nodes.
func (r *root) wantMembers(route string, n int) {
	r.t.Helper()
	var got []string
	deadline := time.Now().Add(wait.Limit)
	for time.Now().Before(deadline) {
		got = strings.Fields(r.members(route))
		if slices.Index(got, "members,") == 1 && got[0] == fmt.Sprint(n) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Errorf("the route knows %v, want %d members", got, n)
}
