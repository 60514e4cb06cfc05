package delayed

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/queue"
)

// ended counts jobs by their verdict.
type ended map[queue.Verdict]int

func (e ended) WorkEnded(_ queue.Kind, verdict queue.Verdict) { e[verdict]++ }

// Runs for due work remove texts that are older than the retention of the store.
func TestRunsRemoveOldTexts(t *testing.T) {
	redis, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	store, err := record.Dial(t.Context(), record.Config{
		URL: redis.URL(), AllowEmbedded: true, DialTimeout: wait.Limit, Retention: record.Retention{Age: 20}, // ms
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	account := func(name string) int64 {
		a, _, err := store.Register(t.Context(), name, "")
		if err != nil {
			t.Fatal(err)
		}
		return a.User
	}
	alice, bob := account("alice"), account("bob")
	old := record.Message{From: alice, FromName: "alice", ID: "old", To: bob, Text: "hi"}
	if err := store.Append(t.Context(), []record.Message{old})[0].Err; err != nil {
		t.Fatal(err)
	}
	jobs := make(ended)
	w := worker{store: store, log: slog.New(slog.DiscardHandler), observer: jobs}
	for end := time.Now().Add(10 * time.Second); ; {
		pulled, err := store.Pull(t.Context(), bob, proto.Position{}, proto.MaxPull)
		if err != nil {
			t.Fatal(err)
		}
		if len(pulled.Entries) == 0 {
			if pulled.Newest.Key != proto.Key(alice, "old") {
				t.Errorf("pulled %+v", pulled)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the text is still there")
		}
		w.notBefore = time.Time{} // half a minute passes
		w.do(t.Context())
	}
	if jobs[queue.Again] < 1 {
		t.Errorf("jobs ended %v", jobs)
	}
}
