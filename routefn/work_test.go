package routefn

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
)

// A log that nobody writes to any more loses what is too old because nodes ask what
// is due.
func TestNodesThatAskHaveOldTextsRemoved(t *testing.T) {
	redis, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	store, err := record.Dial(t.Context(), record.Config{
		URL: redis.URL(), AllowEmbedded: true, Retention: record.Retention{Age: 20}, // ms
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := newWorld(t, func(c *Config) { c.Store = store })
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "old", To: bob.User, Text: "hi"})
	for end := time.Now().Add(10 * time.Second); len(w.pull(bob.Token, proto.Position{}).Messages) > 0; {
		if time.Now().After(end) {
			t.Fatal("the text is still there")
		}
		w.route.work.at = time.Time{} // half a minute goes by
		w.fire()
	}
	if got := w.pull(bob.Token, proto.Position{}); got.Newest.Number != 2 || got.Newest.Key != proto.Key(alice.User, "old") {
		t.Errorf("pulled %+v", got)
	}
	if n := testutil.ToFloat64(w.route.metrics.work.WithLabelValues("sweep", "again")); n < 1 {
		t.Errorf("%v jobs are counted", n)
	}
}
