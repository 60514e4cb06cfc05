package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/up"
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
