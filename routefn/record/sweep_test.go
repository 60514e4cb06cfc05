package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// workOff does all jobs that are due now, as routes do.
func workOff(t testing.TB, s *Store) (done int) {
	t.Helper()
	for {
		due, _, err := s.Due(t.Context(), queue.Sweeps)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return done
		}
		for _, shard := range due {
			jobs, err := s.TakeJobs(t.Context(), queue.Sweeps, shard, "test", 100)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.EndJobs(t.Context(), queue.Sweeps, shard, s.Sweep(t.Context(), jobs)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.TakeJobs(t.Context(), queue.Sweeps, shard, "test", 0); err != nil {
				t.Fatal(err)
			}
			done += len(jobs)
		}
	}
}

// sweepsAt returns when the sweep of a log is due, in ms; zero: never.
func sweepsAt(t testing.TB, s *Store, l logref.Ref) int64 {
	t.Helper()
	key := sweepShard(queue.Job{Key: l.Tag()}).Key("sweep:due")
	o := op.Read(key, []any{"zscore", key, l.Tag()})
	if s.Run(t.Context(), "due", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return int64(op.Score(o.Reply[0]))
}

// sweepNow makes the sweep of a log due now.
func sweepNow(t testing.TB, s *Store, l logref.Ref) {
	t.Helper()
	if err := s.Put(t.Context(), queue.Sweeps, []queue.Job{{Key: l.Tag(), Due: 1}}, sweepShard, true)[0]; err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces the entries of a log, except the genesis entry, by texts that are so
// many days old.
func rewrite(t testing.TB, s *Store, l logref.Ref, days ...int) {
	t.Helper()
	push := []any{"rpush", l.List()}
	now := storeClock(t, s)
	for i, d := range days {
		stored, err := proto.EncodeStored(proto.Key(1, fmt.Sprint("m", i)), &proto.Entry{
			FromName: "alice", To: 2, Time: now - int64(d)*day.Milliseconds(), Text: fmt.Sprint("text of ", d, " days ago"),
		})
		if err != nil {
			t.Fatal(err)
		}
		push = append(push, stored)
	}
	o := op.Write(l.List(), []any{"del", l.List()}, push, []any{"hset", l.Hash(), "base", 1})
	if s.Run(t.Context(), "append", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

// contents returns the stored entries of a log as one string.
func contents(t testing.TB, s *Store, l logref.Ref) string {
	t.Helper()
	o := op.Read(l.List(), []any{"lrange", l.List(), 0, -1})
	if s.Run(t.Context(), "pull", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return fmt.Sprint(o.Reply[0])
}

func TestQuietLogLosesWhatIsTooOld(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		bob := register(t, s, "bob")
		issue(t, s, bob, "phone") // makes the inbox
		l := logref.Ref{User: bob}
		if at := sweepsAt(t, s, l); at == 0 {
			t.Fatal("a log that was made is never swept")
		}
		var days []int
		for range 40 {
			days = append(days, 40)
		}
		rewrite(t, s, l, append(days, 10, 9, 1)...)
		sweepNow(t, s, l)
		workOff(t, s)
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil || len(p.Entries) != 3 || p.Oldest != 42 || p.Newest.Number != 44 {
			t.Fatalf("pulled %+v, %v", p, err)
		}
		if strings.Contains(contents(t, s, l), "40 days ago") {
			t.Error("texts of 40 days ago are still there")
		}
		// The oldest entry that is left is 10 days old, and may stay for four more
		// days.
		left := time.Duration(sweepsAt(t, s, l)-storeClock(t, s)) * time.Millisecond
		if left > 4*day+time.Minute || left < 4*day-time.Minute {
			t.Errorf("swept again in %v", left)
		}
	})
}

// The newest entry must stay because of its key and its number. Its text need not stay.
func TestNewestEntryKeepsItsPlaceAndLosesItsText(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		issue(t, s, bob, "phone")
		l := logref.Ref{User: bob}
		rewrite(t, s, l, 40, 20)
		before, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil || before.Newest.Number != 3 {
			t.Fatalf("pulled %+v, %v", before, err)
		}
		sweepNow(t, s, l)
		workOff(t, s)
		if c := contents(t, s, l); strings.Contains(c, "days ago") || strings.Contains(c, "alice") {
			t.Errorf("the log still has %q", c)
		}
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil || len(p.Entries) != 0 || p.Newest != before.Newest || p.Through != before.Newest || p.Oldest != 4 {
			t.Errorf("pulled %+v, %v; before %+v", p, err, before.Newest)
		}
		// A reader at that entry goes on. A reader before it learns that entries are
		// gone.
		if p, err := s.Pull(t.Context(), bob, before.Newest, 0); err != nil || p.Oldest > 4 {
			t.Errorf("behind it: %+v, %v", p, err)
		}
		next := stored(t, s, private(alice, bob, "next"))[0].Copies[0].Stored
		if next.At.Number != 4 || next.Prev != before.Newest.Key {
			t.Errorf("the next one is %+v", next)
		}
		if p, err := s.Pull(t.Context(), bob, before.Newest, 0); err != nil || len(p.Entries) != 1 {
			t.Errorf("the next one: %+v, %v", p, err)
		}
		workOff(t, s)
		if at := sweepsAt(t, s, l); at < storeClock(t, s) {
			t.Errorf("swept again at %d", at)
		}
	})
}

// Logs of an earlier version have no jobs, and a failover may lose jobs.
func TestLogsThatNobodyOpensAreFound(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		const users = 50
		var logs []logref.Ref
		for i := range users {
			user := register(t, s, fmt.Sprint("user", i))
			issue(t, s, user, "phone")
			logs = append(logs, logref.Ref{User: user})
			rewrite(t, s, logs[i], 40, 30)
		}
		for i := range 32 {
			key := queue.Shard(i).Key("sweep:due")
			s.Run(t.Context(), "put", op.Write(key, []any{"del", key}))
		}
		if err := s.KeepSweeping(t.Context()); err != nil {
			t.Fatal(err)
		}
		key := sweepShard(queue.Job{Key: allLogs}).Key("sweep:due")
		eventually(t, "the search has come to its end", func() bool { // the clock of a shard may be a little behind
			workOff(t, s)
			o := op.Read(key, []any{"zscore", key, allLogs})
			s.Run(t.Context(), "due", o)
			return int64(op.Score(o.Reply[0])) > storeClock(t, s)+13*day.Milliseconds()
		})
		for _, l := range logs {
			eventually(t, l.List()+" has lost its texts", func() bool {
				workOff(t, s)
				return !strings.Contains(contents(t, s, l), "days ago")
			})
		}
	})
}

func TestGroupWithoutMembersIsDeleted(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		request := NewGroup{Creator: alice.User, ID: "r", Name: "friends"}
		g, err := s.CreateGroup(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		l := logref.Ref{Group: g}
		change(t, s, alice, g, false)
		change(t, s, bob, g, false)
		first, err := s.Pull(t.Context(), alice.User, proto.Position{Log: g}, 0)
		if err != nil {
			t.Fatal(err)
		}
		change(t, s, alice, g, true)
		sweepNow(t, s, l)
		workOff(t, s)
		if _, err := s.Members(t.Context(), bob.User, g, 0, 10); err != nil {
			t.Fatalf("a group with a member: %v", err)
		}
		change(t, s, bob, g, true)
		soon := time.Duration(sweepsAt(t, s, l)-storeClock(t, s)) * time.Millisecond
		if soon <= 0 || soon > groupRest+time.Second {
			t.Fatalf("swept in %v", soon)
		}
		// A former member who is connected reads the end.
		sweepNow(t, s, l)
		workOff(t, s)
		if p, err := s.Pull(t.Context(), bob.User, first.Newest, 0); err != nil || len(p.Entries) == 0 {
			t.Errorf("bob reads %+v, %v", p, err)
		}
		ageLast(t, s, l)
		sweepNow(t, s, l)
		workOff(t, s)
		for _, key := range []string{l.List(), l.Hash(), l.Members(), l.Leases()} {
			o := op.Read(key, []any{"exists", key})
			if s.Run(t.Context(), "groups", o); o.Err != nil || op.Integer(o.Reply[0]) != 0 {
				t.Errorf("%s is there, %v", key, o.Err)
			}
		}
		if at := sweepsAt(t, s, l); at != 0 {
			t.Errorf("what is gone is swept at %d", at)
		}
		if c := s.ChangeGroups(t.Context(), []Change{{User: bob.User, Name: "bob", Group: g}})[0]; !errors.Is(c.Err, ErrNoGroup) {
			t.Errorf("joining it: %+v", c)
		}
		if got := listed(t, s, bob.User); len(got) != 0 {
			t.Errorf("bob's list has %v", got)
		}
		if e := s.EnterNode(t.Context(), Lease{Node: "n1", Boot: 7, Addr: "n1:1"}, []Entering{{Group: g, Users: []int64{bob.User}}})[0]; e.Err == nil {
			t.Errorf("entered %+v", e)
		}
		// The request that made the group is repeated late.
		if again, err := s.CreateGroup(t.Context(), request); !errors.Is(err, ErrNoGroup) {
			t.Errorf("made again: %d, %v", again, err)
		}
		request.ID = "another"
		if other, err := s.CreateGroup(t.Context(), request); err != nil || other == g {
			t.Errorf("another request made %d, %v", other, err)
		}
	})
}

// ageLast makes the newest entry of a log two minutes older.
func ageLast(t testing.TB, s *Store, l logref.Ref) {
	t.Helper()
	o := op.Read(l.List(), []any{"lindex", l.List(), -1})
	if s.Run(t.Context(), "pull", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	key, encoded, err := proto.SplitStored([]byte(op.Text(o.Reply[0])))
	if err != nil {
		t.Fatal(err)
	}
	e, err := entry.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	e.Time -= (2 * groupRest).Milliseconds()
	stored, err := proto.EncodeStored(key, e)
	if err != nil {
		t.Fatal(err)
	}
	o = op.Write(l.List(), []any{"lset", l.List(), -1, stored})
	if s.Run(t.Context(), "append", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

// A route made a group and died before anybody joined. The request is repeated later.
func TestGroupThatNobodyJoinedIsDeletedAndMadeAnew(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		request := NewGroup{Creator: alice.User, ID: "r"}
		g, err := s.CreateGroup(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		l := logref.Ref{Group: g}
		epoch := func() string {
			o := op.Read(l.Hash(), []any{"hget", l.Hash(), "epoch"})
			s.Run(t.Context(), "groups", o)
			return op.Text(o.Reply[0])
		}
		before := epoch()
		ageLast(t, s, l)
		sweepNow(t, s, l)
		workOff(t, s)
		if epoch() != "" {
			t.Error("it is still there")
		}
		again, err := s.CreateGroup(t.Context(), request)
		if err != nil || again != g || epoch() == before || epoch() == "" {
			t.Errorf("made again: %d, %v, with the epoch %s after %s", again, err, epoch(), before)
		}
	})
}

// One operation is the daily sweep of one log, among many. The log has 64 entries, of
// which some have become too old. cpu-us/log is the CPU time of the server.
func BenchmarkSweep(b *testing.B) {
	s := dial(b, Config{URL: storetest.Server.URL(), Registerer: prometheus.NewRegistry()})
	flush(b, s)
	const logs = 100_000
	now := storeClock(b, s)
	var entries [64]any
	text := strings.Repeat("x", 128)
	for i := range entries {
		old := 15 * day * time.Duration(len(entries)-i) / time.Duration(len(entries)) // one of 15 days is too old
		stored, err := proto.EncodeStored(proto.Key(1, fmt.Sprint("m", i)), &proto.Entry{FromName: "alice", To: 2, Time: now - old.Milliseconds(), Text: text})
		if err != nil {
			b.Fatal(err)
		}
		entries[i] = stored
	}
	fill := func() {
		var ops []*op.Op
		var jobs []queue.Job
		for i := range logs {
			l := logref.Ref{User: int64(i + 2)}
			ops = append(ops, op.Write(l.List(), []any{"del", l.List()}, append([]any{"rpush", l.List()}, entries[:]...), []any{"hset", l.Hash(), "epoch", "0", "base", 0}))
			jobs = append(jobs, queue.Job{Key: l.Tag(), Due: now})
			if len(ops) == 1000 {
				s.Run(b.Context(), "append", ops...)
				s.Put(b.Context(), queue.Sweeps, jobs, sweepShard, true)
				ops, jobs = nil, nil
			}
		}
	}
	var cpu float64
	var swept int
	for b.Loop() {
		b.StopTimer()
		fill()
		before := serverCPU(b, s)
		b.StartTimer()
		swept += workOff(b, s)
		cpu += serverCPU(b, s) - before
	}
	b.ReportMetric(cpu*1e6/float64(swept), "cpu-us/log")
}
