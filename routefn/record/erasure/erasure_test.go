package erasure_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/erasure"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, f func(*testing.T, *record.Store)) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, err := record.Dial(t.Context(), record.Config{URL: url, AllowEmbedded: true, DialTimeout: wait.Limit})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		storetest.Flush(t, s.Topology)
		f(t, s)
	})
}

// The job of an erasure that never began ends without effect. It cannot begin later.
func TestErasureDoesNotBeginAfterItsJob(t *testing.T) {
	each(t, func(t *testing.T, s *record.Store) {
		alice, _, err := s.Register(t.Context(), "alice", "")
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.ErasureOf(t.Context(), alice.User)
		if err != nil || e.Condemned {
			t.Fatalf("%+v, %v", e, err)
		}
		if end, _, _ := s.Erase(t.Context(), queue.Job{Key: strconv.FormatInt(alice.User, 10)}); end.Verdict != queue.Done {
			t.Errorf("the job ended as %s", end.Verdict)
		}
		now, err := s.Time(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Condemn(t.Context(), e, now-time.Minute.Milliseconds()); !errors.Is(err, record.ErrUnavailable) {
			t.Errorf("too late: %v", err)
		}
		if _, err := s.AccountByID(t.Context(), alice.User); err != nil {
			t.Error(err)
		}
		if _, err := s.EraseAccount(t.Context(), 4711); !errors.Is(err, record.ErrNoUser) || errors.Is(err, record.ErrErased) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// The job leaves groups, removes the rest, and frees the name. If one of them fails, the job
// is done again.
func TestStepsOfTheJob(t *testing.T) {
	each(t, func(t *testing.T, s *record.Store) {
		alice, _, err := s.Register(t.Context(), "alice", "")
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		erasures := erasure.New(s.DB, s.Accounts, s.Queue, rest{&steps}, slog.New(slog.DiscardHandler))
		if _, err := erasures.EraseAccount(t.Context(), alice.User); err != nil {
			t.Fatal(err)
		}
		failing := errors.New("not yet")
		leave := func(_ context.Context, e accounts.Erasure, version int64, groups []int64) error {
			if e.Name != "alice" || version == 0 || len(groups) != 0 {
				t.Errorf("leaves %v as %s by version %d", groups, e.Name, version)
			}
			steps = append(steps, "leave")
			return failing
		}
		j := queue.Job{Key: strconv.FormatInt(alice.User, 10)}
		for _, want := range []struct {
			verdict queue.Verdict
			done    int64
			steps   string
		}{{queue.Failed, 0, "leave"}, {queue.Done, alice.User, "leave remove"}, {queue.Done, 0, ""}} {
			steps = nil
			e, done := erasures.EndErasure(t.Context(), j, leave)
			if got := strings.Join(steps, " "); e.Verdict != want.verdict || done != want.done || got != want.steps {
				t.Errorf("the job ended as %s of %d after %q, want %+v", e.Verdict, done, got, want)
			}
			failing = nil
		}
		if _, created, err := s.Register(t.Context(), "alice", ""); err != nil || !created {
			t.Errorf("the name is not free: %v", err)
		}
	})
}

// A job that a missing server has stopped is done again a minute later, and does not count as
// one that failed. Jobs that fail often are given up.
func TestMissingServerIsNotTheFaultOfTheJob(t *testing.T) {
	each(t, func(t *testing.T, s *record.Store) {
		now, err := s.Time(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for err, want := range map[error]queue.Verdict{
			fmt.Errorf("read: %w", record.ErrUnavailable): queue.Again,
			errors.New("cannot be decoded"):               queue.Failed,
		} {
			erasures := erasure.New(s.DB, away{s.Accounts, err}, s.Queue, rest{}, slog.New(slog.DiscardHandler))
			e, done := erasures.EndErasure(t.Context(), queue.Job{Key: "7"}, nil)
			soonest := now + (59 * time.Second).Milliseconds() // the masters' clocks may differ
			if e.Verdict != want || done != 0 || want == queue.Again && e.Due < soonest {
				t.Errorf("after %v the job ended as %s of %d, due %d", err, e.Verdict, done, e.Due)
			}
		}
	})
}

// away has accounts of which none can be read.
type away struct {
	erasure.Accounts
	err error
}

func (a away) ErasureOf(context.Context, int64) (accounts.Erasure, error) {
	return accounts.Erasure{}, a.err
}

// rest records what is removed.
type rest struct{ steps *[]string }

func (rest) Forget(int64) {}

func (r rest) Remove(context.Context, int64) error {
	*r.steps = append(*r.steps, "remove")
	return nil
}
