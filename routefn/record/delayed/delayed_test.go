package delayed

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const alice = 7

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, f func(*testing.T, *Messages)) {
	storetest.Each(t, func(t *testing.T, url string) {
		db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: url, ReadTimeout: wait.Limit}, AllowEmbedded: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		storetest.Flush(t, db.Topology)
		f(t, New(db))
	})
}

// put keeps a message of alice's that is due after the given time.
func put(s *Messages, t *testing.T, id string, after time.Duration) (Scheduled, []byte, error) {
	return s.Schedule(t.Context(), Scheduling{User: alice, ID: id, Key: proto.Key(alice, id), Entry: []byte("text " + id), After: after.Milliseconds()})
}

// pending returns the ids of alice's messages, in their order.
func pending(t *testing.T, s *Messages) (ids []string) {
	t.Helper()
	var at At
	for {
		page, next, err := s.Pending(t.Context(), alice, at, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			_, id, _ := proto.ParseKey(m.Key)
			if m.Entry != "text "+id || m.Taken {
				t.Errorf("kept %+v", m)
			}
			ids = append(ids, id)
		}
		if at = next; next == (At{}) {
			return ids
		}
	}
}

func TestMessagesAreListedInTheOrderInWhichTheyAreDue(t *testing.T) {
	each(t, func(t *testing.T, s *Messages) {
		for id, hours := range map[string]int{"c": 3, "a": 1, "b": 2} {
			if state, had, err := put(s, t, id, time.Duration(hours)*time.Hour); err != nil || state.State != proto.StatePending || string(had) != "text "+id {
				t.Fatalf("%s: %+v, %q, %v", id, state, had, err)
			}
		}
		if ids := pending(t, s); !slices.Equal(ids, []string{"a", "b", "c"}) {
			t.Errorf("pending %v", ids)
		}
	})
}

// A message that was kept keeps its entry and its time, and is known for a day after its
// end.
func TestRepetitionGetsTheFirstMessage(t *testing.T) {
	each(t, func(t *testing.T, s *Messages) {
		first, _, err := put(s, t, "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		again, had, err := s.Schedule(t.Context(), Scheduling{User: alice, ID: "a", Key: proto.Key(alice, "a"), Entry: []byte("other"), After: 1})
		if err != nil || string(had) != "text a" || again.Due != first.Due {
			t.Errorf("again %+v, %q, %v", again, had, err)
		}
		for range 2 {
			if err := s.Cancel(t.Context(), alice, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if state, had, err := put(s, t, "a", time.Hour); err != nil || state.State != proto.StateCancelled || had != nil {
			t.Errorf("after its end: %+v, %q, %v", state, had, err)
		}
		if err := s.Cancel(t.Context(), alice, "b"); !errors.Is(err, ErrNotScheduled) {
			t.Errorf("cancelled what was never kept: %v", err)
		}
	})
}

func TestEndIsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *Messages) {
		for _, id := range []string{"sent", "dropped"} {
			if _, _, err := put(s, t, id, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		ends := []End{
			{User: alice, ID: "sent", Key: proto.Key(alice, "sent")},
			{User: alice, ID: "dropped", Key: proto.Key(alice, "dropped"), Code: proto.UnknownUser},
		}
		for range 2 {
			if err := errors.Join(s.Finish(t.Context(), ends)...); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.Dropped(t.Context(), alice)
		if err != nil || len(list) != 1 || list[0].ID != "dropped" || list[0].Code != proto.UnknownUser {
			t.Errorf("dropped %+v, %v", list, err)
		}
		if ids := pending(t, s); len(ids) > 0 {
			t.Errorf("pending %v", ids)
		}
		if err := s.Cancel(t.Context(), alice, "sent"); !errors.Is(err, ErrTooLate) {
			t.Errorf("cancelled what was sent: %v", err)
		}
	})
}
