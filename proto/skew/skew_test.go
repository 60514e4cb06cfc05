package skew

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestDifferenceIsTheLeastThatExplainsWhatWasSeen(t *testing.T) {
	for name, c := range map[string]struct {
		shown int64
		want  time.Duration
	}{
		"while it was asked": {1500, 0}, "behind": {700, -300 * time.Millisecond}, "ahead": {2250, 250 * time.Millisecond},
		"15 days behind": {1000 - 15*24*3600*1000, -15 * 24 * time.Hour},
	} {
		if got := difference(c.shown, 1000, 2000); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A clock that is wrong is named once, until it has been right again.
func TestWrongClockIsWarnedOfOncePerEpisode(t *testing.T) {
	var said bytes.Buffer
	r := prometheus.NewRegistry()
	c, err := New(r, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_800_000_000_000)
	for _, step := range []struct {
		ahead    time.Duration
		warnings int
	}{{time.Second, 0}, {9 * time.Second, 0}, {125 * time.Second, 1}, {130 * time.Second, 1}, {7 * time.Second, 1}, {-11 * time.Second, 1},
		{time.Second, 1}, {-15 * 24 * time.Hour, 2}} {
		c.Saw("route-1", now.Add(step.ahead).UnixMilli(), now, now)
		if n := strings.Count(said.String(), "peer=route-1"); n != step.warnings {
			t.Errorf("%v ahead: %d warnings, want %d", step.ahead, n, step.warnings)
		}
		if got := testutil.ToFloat64(c.difference.WithLabelValues("route-1")); got != step.ahead.Seconds() {
			t.Errorf("%v ahead: the metric says %v", step.ahead, got)
		}
	}
}

func TestPeersAreBoundedAndNonsenseIsPassedOver(t *testing.T) {
	c, err := New(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.Saw("old", 0, now, now)                               // says no time
	c.Saw("", now.UnixMilli(), now, now)                    // has no name
	c.Saw("set", now.UnixMilli(), now, now.Add(-time.Hour)) // the own clock was set
	c.Saw("slow", now.UnixMilli(), now, now.Add(2*longest)) // took too long
	if n := testutil.CollectAndCount(c.difference); n != 0 {
		t.Errorf("%d peers", n)
	}
	for i := range 3 * mostPeers {
		c.Saw(fmt.Sprint("node-", i), now.UnixMilli(), now, now)
	}
	if n := testutil.CollectAndCount(c.difference); n != mostPeers {
		t.Errorf("%d peers, want %d", n, mostPeers)
	}
}

func TestNodeAndRouteInOneProcessShareTheMetric(t *testing.T) {
	r := prometheus.NewRegistry()
	now := time.Now()
	for _, peer := range []string{"store", "route"} {
		c, err := New(r, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		c.Saw(peer, now.UnixMilli(), now, now)
	}
	if n, err := testutil.GatherAndCount(r, "cim_clock_difference_seconds"); err != nil || n != 2 {
		t.Errorf("%d peers, %v", n, err)
	}
}
