package record

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// removed returns how many messages a Store removed from inboxes before a device fetched them.
func removed(s *Store, why string) int {
	return int(testutil.ToFloat64(s.unfetched.WithLabelValues(why)))
}

// Bob is away and Alice writes more than an inbox keeps. Each message that is gone is
// counted. What a device of Bob's has fetched and Alice's own copies are not.
func TestMessagesThatGoBeforeTheyAreFetchedAreCounted(t *testing.T) {
	each(t, Config{Retention: Retention{Count: 10}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		const n = 3 * trimEvery
		writes(t, s, alice, bob, "away", n, false)
		lost := n - len(inbox(t, s, bob))
		if got := removed(s, "count"); got != lost || lost == 0 {
			t.Errorf("%d messages were counted, %d are gone", got, lost)
		}
		if _, err := s.Fetch(t.Context(), bob, end(t, s, bob), 0); err != nil {
			t.Fatal(err)
		}
		writes(t, s, alice, bob, "again", trimEvery, false)
		lost += max(0, trimEvery-len(inbox(t, s, bob)))
		if got := removed(s, "count"); got != lost {
			t.Errorf("%d messages were counted after a fetch, want %d", got, lost)
		}
		if got := removed(s, "age"); got != 0 {
			t.Errorf("%d young messages were counted as too old", got)
		}
	})
}

// A message that is too old counts by its age, also in an inbox that can be full.
func TestMessagesThatGoForTheirAgeAreCounted(t *testing.T) {
	for _, cfg := range []Config{{}, bounded(20)} {
		cfg.Retention.Age = time.Hour.Milliseconds()
		each(t, cfg, func(t *testing.T, s *Store) {
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			l := logref.Ref{User: bob}
			old := []Message{private(alice, bob, "old0"), private(alice, bob, "old1")}
			for i := range old {
				old[i].backdate(2 * time.Hour)
			}
			s.Run(t.Context(), "append", op.Write(l.List(), []any{"lset", l.List(), 0, genesisAt(t, old[0].Time)}))
			stored(t, s, append(old, private(register(t, s, "carol"), bob, "young"))...)
			s.trim(t.Context(), []logref.Ref{l})
			if age, count := removed(s, "age"), removed(s, "count"); age != 2 || count != 0 {
				t.Errorf("counted %d by age and %d by count, want 2 and 0", age, count)
			}
		})
	}
}

func TestRemovedMessagesAreAMetric(t *testing.T) {
	registry := prometheus.NewRegistry()
	dial(t, Config{URL: storetest.Server.URL(), Registerer: registry})
	if n, err := testutil.GatherAndCount(registry, "cim_store_unfetched_removed_total"); n != 2 || err != nil {
		t.Errorf("%d values of the metric, want 2; %v", n, err)
	}
}
