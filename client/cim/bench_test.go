package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
)

// A system that somebody else started is measured as it is, twice with the same
// accounts, and goes on.
func TestBenchMeasuresASystemThatRuns(t *testing.T) {
	c := startCluster(t, up.Config{Nodes: 1, Redis: "spawn", WithRoute: true})
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "cim", "bench", "fanout,pairs",
			"-route", c.RouteURLs()[0], "-pid", fmt.Sprintf("node=%d", c.Nodes()[0].PID()),
			"-runs", "1", "-duration", "100ms", "-warmup", "0s", "-members", "5", "-pairs", "3")
		cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{"as it runs", "CPU a delivery", "CPU a message", "accepted p50", ": 0 lost, 0 twice"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
	}
	if !c.Nodes()[0].Running() {
		t.Error("the node has ended")
	}
}

// A cluster elsewhere gets its accounts by registration, whether it wants passwords or not.
// It is not compared with this machine.
func TestBenchMeasuresAClusterElsewhere(t *testing.T) {
	t.Parallel()
	for _, auth := range []string{"open", "password"} {
		c := startCluster(t, up.Config{Nodes: 1, Auth: auth, Redis: "spawn", RouteFlags: []string{"-limits", "off"}})
		cmd := exec.CommandContext(t.Context(), "cim", "bench", "-against", c.RouteURLs()[0], "-password", "of the accounts",
			"-runs", "1", "-duration", "100ms", "-warmup", "0s", "-pairs", "2", "-logins", "3", "-outstanding", "2", "-entries", "5")
		cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", auth, err, out)
		}
		for _, want := range []string{"pairs, paced", "as it runs, HTTP", "http, 2 accounts, 5 entries", "POST /v1/login", "only clients", ": 0 lost, 0 twice"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: %q is not in\n%s", auth, want, out)
			}
		}
		if strings.Contains(string(out), "CPU a message") || strings.Contains(string(out), " limit\n") {
			t.Errorf("%s: processes or the limit were measured\n%s", auth, out)
		}
		guest, err := client.Connect(t.Context(), client.Config{Routes: c.RouteURLs(), Name: "bench-000000", Password: "a guess", Device: "strange"})
		if err == nil {
			guest.Close()
		}
		if refused := errors.Is(err, proto.Err(proto.WrongPassword, "")); refused != (auth == "password") {
			t.Errorf("%s: another password is answered with %v", auth, err)
		}
	}
}

// Each hop is measured with TLS and without, with every kind of client.
func TestBenchMeasuresTLSOfEachHop(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "cim", "bench", "pairs,idle,storm,handshakes", "-tls", "clients,route,redis,all", "-forms", "apart", "-redis", "spawn",
		"-runs", "1", "-duration", "100ms", "-hold", "100ms", "-warmup", "0s", "-pairs", "2", "-idle", "5", "-idle-rate", "50", "-storm", "5",
		"-handshakes", "50", "-rate", "100", "-late", "1h")
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"apart, TLS clients", "apart, TLS all", "idle, WebSocket", "(load generator)", "handshakes: answered", ": 0 lost, 0 twice"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), " limit\n") {
		t.Errorf("the limit was measured\n%s", out)
	}
}

// A small attack shows that every part works. Its figures mean nothing on a machine that
// does other work, so bounds on times are not held against it. It takes longer than
// unfinished input is held, so that some was held to its end.
func TestBenchMeasuresBesideAnAttack(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "cim", "bench", "abuse", "-runs", "1", "-duration", "5s", "-pairs", "2", "-rate", "20",
		"-bodies", "20", "-frames", "20", "-guessers", "3", "-own-bodies", "20", "-guesses", "200", "-addresses", "20", "-guess-time", "2s",
		"-late", "1h")
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"shown p99", "memory of route", " held", "of guessers were hashed", "guesses at one account from 20 addresses"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "guesses at one account are hashed") {
		t.Errorf("too many guesses were hashed\n%s", out)
	}
}
