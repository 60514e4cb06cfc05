//go:build unix

package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// hangup sends SIGHUP and waits until the log has one more line with each of the texts.
func hangup(t *testing.T, p *up.Process, texts ...string) {
	t.Helper()
	count := func(text string) int {
		b, err := os.ReadFile(p.Log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), text)
	}
	before := make(map[string]int)
	for _, text := range texts {
		before[text] = count(text)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		eventually(t, p.Name+" logs "+text, func() bool { return count(text) == before[text]+1 })
	}
}

// Both keys are changed in their files. Whichever process reads them first, every
// message arrives, no connection ends, and no user logs in again.
func TestKeysAreChangedByHangupsUnderLiveConnections(t *testing.T) {
	t.Parallel()
	clusterKey, routeKey := newKeyFile(t, oldKey), newKeyFile(t, oldKey)
	nodeFlags := []string{"-cluster-key", clusterKey.flag()}
	cluster := startCluster(t, up.Config{Nodes: 2, ServerFlags: nodeFlags, RouteFlags: append(nodeFlags, "-route-key", routeKey.flag())})
	nodes, route, url := cluster.Nodes(), cluster.Routes()[0], cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 4, "chat")
	check := func() {
		t.Helper()
		eventually(t, "the route knows both nodes", func() bool { return strings.Count(membersOf(t, cluster), `"state":"serving"`) == 2 })
		crowd.round()
		eventually(t, "everybody is shown everything", crowd.caughtUp)
	}
	change := func(keys ...string) {
		t.Helper()
		clusterKey.write(keys...)
		routeKey.write(keys...)
		hangup(t, nodes[0].Process, "keys were changed")
		check() // the others have the keys of before
		hangup(t, route, "flag=-cluster-key", "flag=-route-key")
		check()
		hangup(t, nodes[1].Process, "keys were changed")
		check()
	}
	again := func(token string) proto.Code {
		var answer proto.LoginAnswer
		return post(t, url+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: "phone"}, &answer)
	}
	shows := func(at, key string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ring.ServiceToken([]byte(key)))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	const logins = `cim_route_requests_total{code="ok",use_case="login"}`

	check()
	before := login(t, url, proto.LoginRequest{Name: "carol", Device: "phone"}).Token
	n := metric(t, url, logins)
	change(oldKey, newKey)
	change(newKey, oldKey)
	if more := metric(t, url, logins) - n; more != 0 {
		t.Errorf("%v clients logged in again", more)
	}
	if code := again(before); code != proto.OK {
		t.Errorf("a token from before, while both keys are there: %v", code)
	}
	after := login(t, url, proto.LoginRequest{Name: "carol", Device: "phone"}).Token

	// The third step ends what has a ticket of the old key; those who came since go on.
	crowd.leave()
	crowd = newCrowd(t, cluster.RouteURLs(), 4, "late")
	n = metric(t, url, logins)
	change(newKey)
	if more := metric(t, url, logins) - n; more != 0 {
		t.Errorf("%v clients logged in again", more)
	}
	if code := again(after); code != proto.OK {
		t.Errorf("a token of the new key: %v", code)
	}
	if code := again(before); code != proto.Unauthorized {
		t.Errorf("a token whose key is gone: %v", code)
	}
	for _, at := range []string{"http://" + nodes[0].HTTP + proto.PathNodeOnline, url + proto.PathNodeKeys} {
		if was, is := shows(at, oldKey), shows(at, newKey); was != http.StatusUnauthorized || is != http.StatusOK {
			t.Errorf("%s answers %d to the old key and %d to the new one", at, was, is)
		}
	}

	// Files that are broken change nothing, and are said once each.
	clusterKey.write("")
	routeKey.write("short")
	hangup(t, route, "level=WARN msg=\"configuration cannot be changed, the old one stays\" err=\"wrong usage: the file of -cluster-key is empty", "of -route-key has 5 bytes")
	hangup(t, nodes[0].Process, "the file of -cluster-key is empty")
	check()
	clusterKey.write(newKey)
	if _, err := cluster.AddNode(t.Context()); err != nil { // it knows the new key alone
		t.Fatal(err)
	}
	eventually(t, "the route knows three nodes", func() bool { return strings.Count(membersOf(t, cluster), `"state":"serving"`) == 3 })
}

// If its terminal is closed, a cluster of cim up stops as at SIGTERM, and leaves no
// folder.
func TestClusterEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "cim", "up", "-nodes", "1")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// If the tests run under nohup, the child would inherit that SIGHUP is ignored. A
	// signal that is handled has its default effect in a child.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, up := bufio.NewScanner(out), false
	for !up && lines.Scan() {
		up = strings.Contains(lines.Text(), "From other terminals")
	}
	if made, err := filepath.Glob(filepath.Join(dir, "cim-up-*")); err != nil || len(made) != 1 || !up {
		t.Errorf("up %v, folders %q, %v", up, made, err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "cim-up-*")); err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

// A program that nohup starts does not end at SIGHUP. No other test runs at the same time.
func TestNohupIsRespected(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer func() { // signal.Reset does not undo Ignore
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGHUP)
		signal.Stop(c)
	}()
	ctx, stop := untilHangup(t.Context())
	defer stop()
	if ctx != t.Context() || !signal.Ignored(syscall.SIGHUP) {
		t.Error("SIGHUP is handled although it was ignored")
	}
}
