package routefn

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// A route compares its clock with the store's clock and with the clocks of nodes that
// call it.
func TestRouteTellsHowFarClocksAreOff(t *testing.T) {
	registry := prometheus.NewRegistry()
	const ahead = 15 * 24 * time.Hour
	w := newWorld(t, func(c *Config) {
		c.Registerer = registry
		c.Now = func() time.Time { return time.Now().Add(ahead) }
	})
	var seen map[string]float64
	wait.Until(t, "the clocks of the store and the node were seen", func() bool { // a route looks at the store when it is called
		var answer proto.FireAnswer
		w.node(proto.PathNodeFire, &proto.FireRequest{Origin: w.nodes["n1"].origin, Time: time.Now().UnixMilli()}, &answer)
		if d := time.Until(time.UnixMilli(answer.Time)); d < ahead-time.Minute || d > ahead+time.Minute || answer.Route == "" {
			t.Fatalf("the node is told that the clock is %v ahead, of %q", d, answer.Route)
		}
		seen = clockDifferences(t, registry)
		return len(seen) == 2
	})
	for _, peer := range []string{"store", "n1"} {
		if d := seen[peer] + ahead.Seconds(); d < -60 || d > 60 {
			t.Errorf("%s is %v s ahead of a route that is %v ahead of all: %v", peer, seen[peer], ahead, seen)
		}
	}
}

// clockDifferences returns the metric of the difference in seconds, by peer.
func clockDifferences(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]float64)
	for _, f := range families {
		if f.GetName() == "cim_clock_difference_seconds" {
			for _, m := range f.GetMetric() {
				seen[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return seen
}
