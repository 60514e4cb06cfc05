package record

import (
	"errors"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
)

// errands is a kind of jobs for these tests.
const errands Kind = "errand"

func errand(t testing.TB, s *Store, key string, due int64, sooner bool) {
	t.Helper()
	if err := s.putJobs(t.Context(), errands, []Job{{Key: key, Due: due}}, func(Job) shardRef { return 3 }, sooner)[0]; err != nil {
		t.Fatal(err)
	}
}

func takeErrands(t testing.TB, s *Store, holder string, keys ...string) []Job {
	t.Helper()
	jobs, err := s.TakeJobs(t.Context(), errands, 3, holder, 100)
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

func endErrand(t testing.TB, s *Store, e Ending, want Verdict) {
	t.Helper()
	got, err := s.EndJobs(t.Context(), errands, 3, []Ending{e})
	if err != nil || len(got) != 1 || got[0] != want {
		t.Fatalf("ended as %v, %v, want %s", got, err, want)
	}
}

func TestJobIsTakenAgainUntilItIsEnded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		errand(t, s, "b", 2, false)
		errand(t, s, "a", 1, false)
		errand(t, s, "later", storeClock(t, s)+time.Hour.Milliseconds(), false)
		takeErrands(t, s, "one", "a", "b")
		if _, err := s.TakeJobs(t.Context(), errands, 3, "two", 100); !errors.Is(err, ErrHeld) {
			t.Errorf("another takes them, too: %v", err)
		}
		// Holder "one" dies, and its lease runs out.
		lease := queueRef{errands, 3}.lease()
		s.Run(t.Context(), "take", op.Write(lease, []any{"del", lease}))
		jobs := takeErrands(t, s, "two", "a", "b")
		endErrand(t, s, jobs[0].End(Done), Done)
		again := jobs[1].End(Again)
		again.Due, again.Payload = 7, "half done"
		endErrand(t, s, again, Again)
		endErrand(t, s, jobs[0].End(Done), Left) // holder "one" was only slow
		if jobs = takeErrands(t, s, "two", "b"); jobs[0].Payload != "half done" || jobs[0].Due != 7 {
			t.Errorf("took %+v", jobs[0])
		}
		if due, next, err := s.Due(t.Context(), errands); err != nil || len(due) != 1 || due[0] != 3 {
			t.Errorf("due are %v, %v, %v", due, next, err)
		}
		endErrand(t, s, jobs[0].End(Done), Done)
		if due, next, err := s.Due(t.Context(), errands); err != nil || len(due) != 0 || next < 59*time.Minute || next > time.Hour {
			t.Errorf("due are %v, the next in %v, %v", due, next, err)
		}
		if due, _, err := s.Shards(t.Context()); err != nil || len(due) != 0 {
			t.Errorf("messages are due in %v, %v", due, err)
		}
	})
}

// If a job is queued again while it is being done, it must be done once more.
func TestJobThatIsBroughtForwardIsNotLost(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		errand(t, s, "a", 5, false)
		jobs := takeErrands(t, s, "one", "a")
		errand(t, s, "a", 4, true)
		endErrand(t, s, jobs[0].End(Done), Left)
		takeErrands(t, s, "one", "a")
		errand(t, s, "a", 3, false) // changes nothing, because the job waits
		errand(t, s, "a", 9, true)  // does not make it due later
		if jobs = takeErrands(t, s, "one", "a"); jobs[0].Due != 4 {
			t.Errorf("due at %d", jobs[0].Due)
		}
		endErrand(t, s, jobs[0].End(Done), Done)
	})
}

func TestJobThatFailsIsTriedAgainAndThenADeadLetter(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		errand(t, s, "a", 1, false)
		for n := 1; n <= failuresMost; n++ {
			jobs := takeErrands(t, s, "one", "a")
			if jobs[0].Failures != n-1 {
				t.Errorf("failed %d times, want %d", jobs[0].Failures, n-1)
			}
			if n == failuresMost {
				endErrand(t, s, jobs[0].End(Failed), Dead)
				break
			}
			before := storeClock(t, s)
			endErrand(t, s, jobs[0].End(Failed), Failed)
			_, next, err := s.Due(t.Context(), errands)
			want := min(firstFailure<<(n-1), longestFailure)
			if err != nil || next > want+time.Second || next < want-time.Duration(storeClock(t, s)-before+1)*time.Millisecond {
				t.Errorf("after %d failures the next is in %v, %v, want %v", n, next, err, want)
			}
			errand(t, s, "a", 1, true) // as if time had passed
		}
		takeErrands(t, s, "one")
		dead, err := s.DeadJobs(t.Context(), errands, 10)
		if err != nil || len(dead) != 1 || dead[0].Key != "a" {
			t.Errorf("dead are %+v, %v", dead, err)
		}
		errand(t, s, "a", 1, false)
		if jobs := takeErrands(t, s, "one", "a"); jobs[0].Failures != 0 {
			t.Errorf("put again: %+v", jobs[0])
		}
		if dead, err := s.DeadJobs(t.Context(), errands, 10); err != nil || len(dead) != 0 {
			t.Errorf("dead are %+v, %v", dead, err)
		}
	})
}
