package queue

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, f func(*testing.T, *Queue)) {
	storetest.Each(t, func(t *testing.T, url string) {
		db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: url}, AllowEmbedded: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		storetest.Flush(t, db.Topology)
		f(t, New(db))
	})
}

// storeClock returns the time of the store in ms.
func storeClock(t testing.TB, q *Queue) int64 {
	t.Helper()
	o := op.Read("cim:clock", []any{"time"})
	if q.db.Run(t.Context(), "clock", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return op.ClockMs(o.Reply[0])
}

// errands is a kind of jobs for these tests.
const errands Kind = "errand"

func errand(t testing.TB, q *Queue, key string, due int64, sooner bool) {
	t.Helper()
	if err := q.Put(t.Context(), errands, []Job{{Key: key, Due: due}}, func(Job) Shard { return 3 }, sooner)[0]; err != nil {
		t.Fatal(err)
	}
}

func takeErrands(t testing.TB, q *Queue, holder string, keys ...string) []Job {
	t.Helper()
	jobs, err := q.TakeJobs(t.Context(), errands, 3, holder, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range jobs {
		got = append(got, j.Key)
	}
	if len(got) != len(keys) {
		t.Fatalf("took %v, want %v", got, keys)
	}
	for i, key := range keys {
		if got[i] != key {
			t.Fatalf("took %v, want %v", got, keys)
		}
	}
	return jobs
}

func endErrand(t testing.TB, q *Queue, e Ending, want Verdict) {
	t.Helper()
	got, err := q.EndJobs(t.Context(), errands, 3, []Ending{e})
	if err != nil || len(got) != 1 || got[0] != want {
		t.Fatalf("ended as %v, %v, want %s", got, err, want)
	}
}

func TestJobIsTakenAgainUntilItIsEnded(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		errand(t, q, "b", 2, false)
		errand(t, q, "a", 1, false)
		errand(t, q, "later", storeClock(t, q)+time.Hour.Milliseconds(), false)
		takeErrands(t, q, "one", "a", "b")
		if _, err := q.TakeJobs(t.Context(), errands, 3, "two", 100); !errors.Is(err, ErrHeld) {
			t.Errorf("another takes them, too: %v", err)
		}
		// Holder "one" dies, and its lease runs out.
		lease := queueRef{errands, 3}.lease()
		q.db.Run(t.Context(), "take", op.Write(lease, []any{"del", lease}))
		jobs := takeErrands(t, q, "two", "a", "b")
		endErrand(t, q, jobs[0].End(Done), Done)
		again := jobs[1].End(Again)
		again.Due, again.Payload = 7, "half done"
		endErrand(t, q, again, Again)
		endErrand(t, q, jobs[0].End(Done), Left) // holder "one" was only slow
		if jobs = takeErrands(t, q, "two", "b"); jobs[0].Payload != "half done" || jobs[0].Due != 7 {
			t.Errorf("took %+v", jobs[0])
		}
		if due, next, err := q.Due(t.Context(), errands); err != nil || len(due) != 1 || due[0] != 3 {
			t.Errorf("due are %v, %v, %v", due, next, err)
		}
		endErrand(t, q, jobs[0].End(Done), Done)
		if due, next, err := q.Due(t.Context(), errands); err != nil || len(due) != 0 || next < 59*time.Minute || next > time.Hour {
			t.Errorf("due are %v, the next in %v, %v", due, next, err)
		}
		if due, _, err := q.Due(t.Context(), Messages); err != nil || len(due) != 0 {
			t.Errorf("messages are due in %v, %v", due, err)
		}
	})
}

// If a job is queued again while it is being done, it must be done once more.
func TestJobThatIsBroughtForwardIsNotLost(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		errand(t, q, "a", 5, false)
		jobs := takeErrands(t, q, "one", "a")
		errand(t, q, "a", 4, true)
		endErrand(t, q, jobs[0].End(Done), Left)
		takeErrands(t, q, "one", "a")
		errand(t, q, "a", 3, false) // changes nothing, because the job waits
		errand(t, q, "a", 9, true)  // does not make it due later
		if jobs = takeErrands(t, q, "one", "a"); jobs[0].Due != 4 {
			t.Errorf("due at %d", jobs[0].Due)
		}
		endErrand(t, q, jobs[0].End(Done), Done)
	})
}

func TestJobThatFailsIsTriedAgainAndThenADeadLetter(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		errand(t, q, "a", 1, false)
		for n := 1; n <= failuresMost; n++ {
			jobs := takeErrands(t, q, "one", "a")
			if jobs[0].Failures != n-1 {
				t.Errorf("failed %d times, want %d", jobs[0].Failures, n-1)
			}
			if n == failuresMost {
				endErrand(t, q, jobs[0].End(Failed), Dead)
				break
			}
			before := storeClock(t, q)
			endErrand(t, q, jobs[0].End(Failed), Failed)
			_, next, err := q.Due(t.Context(), errands)
			want := min(firstFailure<<(n-1), longestFailure)
			if err != nil || next > want+time.Second || next < want-time.Duration(storeClock(t, q)-before+1)*time.Millisecond {
				t.Errorf("after %d failures the next is in %v, %v, want %v", n, next, err, want)
			}
			errand(t, q, "a", 1, true) // as if time had passed
		}
		takeErrands(t, q, "one")
		dead, err := q.DeadJobs(t.Context(), errands, 10)
		if err != nil || len(dead) != 1 || dead[0].Key != "a" {
			t.Errorf("dead are %+v, %v", dead, err)
		}
		errand(t, q, "a", 1, false)
		if jobs := takeErrands(t, q, "one", "a"); jobs[0].Failures != 0 {
			t.Errorf("put again: %+v", jobs[0])
		}
		if dead, err := q.DeadJobs(t.Context(), errands, 10); err != nil || len(dead) != 0 {
			t.Errorf("dead are %+v, %v", dead, err)
		}
	})
}
