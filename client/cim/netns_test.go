//go:build netns

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// This file cuts a real network, so it needs root and Linux: the test command
// adds its build tag where it has both.

const (
	clusterKey = "a key for tests only"
	gossipNet  = "10.77.1." // between the two nodes: this is what is cut
	callNet    = "10.77.2." // between each node and this process
)

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// removeStale removes what a run that was killed has left: its addresses are
// ours.
func removeStale(t *testing.T) {
	t.Helper()
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		var pid int
		if n, _ := fmt.Sscanf(name, "cim-a-%d", &pid); n == 0 {
			if n, _ = fmt.Sscanf(name, "cim-b-%d", &pid); n == 0 {
				continue
			}
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); os.IsNotExist(err) {
			ip(t, "netns delete "+name)
			_ = exec.Command("ip", "link", "delete", fmt.Sprintf("cim%d-0", pid)).Run() // gone with its namespace, mostly
			_ = exec.Command("ip", "link", "delete", fmt.Sprintf("cim%d-1", pid)).Run()
		}
	}
}

// twoHosts makes two network namespaces that reach each other for gossip, and
// this process for everything else.
func twoHosts(t *testing.T) (a, b string) {
	t.Helper()
	removeStale(t)
	a, b = fmt.Sprintf("cim-a-%d", os.Getpid()), fmt.Sprintf("cim-b-%d", os.Getpid())
	for i, host := range []string{a, b} {
		ip(t, "netns add "+host)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", host).Run() }) // its links go with it
		ip(t, "-n "+host+" link set lo up")
		near, far := fmt.Sprintf("cim%d-%d", os.Getpid(), i), "call" // at most 15 characters
		ip(t, fmt.Sprintf("link add %s type veth peer name %s netns %s", near, far, host))
		ip(t, fmt.Sprintf("addr add %s%d/30 dev %s", callNet, 4*i+1, near))
		ip(t, fmt.Sprintf("-n %s addr add %s%d/30 dev %s", host, callNet, 4*i+2, far))
		ip(t, "link set "+near+" up")
		ip(t, "-n "+host+" link set "+far+" up")
	}
	ip(t, fmt.Sprintf("-n %s link add gossip type veth peer name gossip netns %s", a, b))
	for i, host := range []string{a, b} {
		ip(t, fmt.Sprintf("-n %s addr add %s%d/24 dev gossip", host, gossipNet, i+1))
		ip(t, "-n "+host+" link set gossip up")
	}
	return a, b
}

func run(t *testing.T, name string, command ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b, _ := os.ReadFile(path); t.Failed() {
			t.Logf("%s:\n%s", name, b[max(0, len(b)-6000):])
		}
	})
}

// Two nodes that start at once with each other as seed find each other. A cut of a
// minute between them is twice as long as memberlist remembers the dead. It costs no
// message, and they are one cluster again within 20 s.
func TestGossipCutHeals(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	a, b := twoHosts(t)
	store, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Stop() })
	run(t, "route", program, "route", "-listen", "0.0.0.0:18083", "-internal-listen", "same", "-redis", store.URL(), "-auth", "open", "-open-to-network",
		"-cluster-key", clusterKey, "-ring", "seed:"+callNet+"2:8081,"+callNet+"6:8081")
	for i, host := range []string{a, b} {
		call := fmt.Sprintf("%s%d", callNet, 4*i+2)
		run(t, fmt.Sprintf("node-%d", i+1), "ip", "netns", "exec", host,
			program, "server", "-id", fmt.Sprintf("node-%d", i+1), "-auth", "open", "-open-to-network", "-cluster-key", clusterKey,
			"-listen", call+":11211", "-http", call+":8081",
			"-gossip", fmt.Sprintf("%s%d:7946", gossipNet, i+1),
			"-join", fmt.Sprintf("%s%d:7946", gossipNet, 2-i),
			"-route-url", fmt.Sprintf("http://%s%d:18083", callNet, 4*i+1))
	}
	seenBy := func(n int) *ring.View { return members(t, fmt.Sprintf("http://%s%d:8081", callNet, 4*n+2)) }
	bothSeeBoth := func() bool { return seenBy(0).Ring().Len() == 2 && seenBy(1).Ring().Len() == 2 }
	t.Logf("started at once: one cluster after %v", within(t, 20*time.Second, "both see both", bothSeeBoth))

	routeURL := "http://" + callNet + "1:18083"
	within(t, 10*time.Second, "the route sees both", func() bool { return members(t, routeURL).Ring().Len() == 2 })
	crowd := newCrowd(t, []string{routeURL}, 20, "cut")
	crowd.round()
	before := len(crowd.on("node-1"))

	ip(t, "-n "+a+" link set gossip down")
	cut := time.Now()
	within(t, 10*time.Second, "each sees only itself", func() bool { return seenBy(0).Ring().Len() == 1 && seenBy(1).Ring().Len() == 1 })
	for time.Since(cut) < time.Minute {
		crowd.round()
		time.Sleep(200 * time.Millisecond)
	}
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)
	if after := len(crowd.on("node-1")); after != before {
		t.Errorf("%d users were on node-1, after the cut %d: both sides must keep theirs", before, after)
	}

	ip(t, "-n "+a+" link set gossip up")
	t.Logf("cut of %v healed: one cluster again after %v", time.Minute, within(t, 20*time.Second, "both see both", bothSeeBoth))
	crowd.round()
	within(t, 5*time.Second, "everybody is shown everything", crowd.caughtUp)
}
