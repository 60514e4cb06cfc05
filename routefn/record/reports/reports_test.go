package reports

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// described returns what moderators see of reports: the texts and the statements.
func described(list []Report) string {
	var all []string
	for _, one := range list {
		text := fmt.Sprintf("%s of %d %s at %d:", one.Message.Text, one.Message.From, one.Message.ID, one.Message.Time)
		for _, s := range one.Statements {
			text += fmt.Sprintf(" %d %s %q", s.User, s.Reason, s.Note)
		}
		all = append(all, text)
	}
	return fmt.Sprintf("%q", all)
}

func TestReportsAreListedWithTheirReasonsTheOldestFirst(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		if list := r.list(t); len(list) != 0 {
			t.Fatalf("an empty queue has %v", list)
		}
		r.file(t, alice, 3, proto.ReasonSpam, "a\tnote")
		r.file(t, carol, 1, proto.ReasonAbuse, "")
		r.file(t, alice, 2, proto.ReasonOther, "")
		r.file(t, carol, 3, proto.ReasonIllegal, "")
		r.file(t, alice, 3, proto.ReasonAbuse, "changed") // changes nothing
		want := fmt.Sprintf("%q", []string{
			`text 3 of 8 m3 at 1003: 7 spam "a\tnote" 9 illegal ""`,
			`text 1 of 8 m1 at 1001: 9 abuse ""`, `text 2 of 8 m2 at 1002: 7 other ""`,
		})
		if got := described(r.list(t)); got != want {
			t.Errorf("reports are %s, want %s", got, want)
		}
	})
}

// A place in a log may get another message after a failover, and each user has an inbox of
// their own. These are other messages.
func TestOnlyTheSameMessageAtTheSamePlaceIsOneReport(t *testing.T) {
	at, _ := said(1, "")
	other := at
	other.Key = proto.Key(bob, "another")
	epoch, inbox := at, at
	epoch.Epoch, inbox.Log = 6, proto.Inbox
	ids := map[string]bool{
		idOf(alice, at): true, idOf(alice, other): true, idOf(alice, epoch): true, idOf(alice, inbox): true, idOf(carol, inbox): true,
	}
	if len(ids) != 5 || idOf(carol, at) != idOf(alice, at) {
		t.Errorf("ids are %v", ids)
	}
	for id := range ids {
		if !validID(id) {
			t.Errorf("%s is not valid", id)
		}
	}
}

func TestDecisionClosesAReportOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		r.file(t, alice, 1, proto.ReasonSpam, "")
		r.file(t, carol, 1, proto.ReasonSpam, "")
		r.file(t, alice, 2, proto.ReasonSpam, "")
		id := r.list(t)[0].ID
		d := Decision{Report: id, By: moderator, Word: proto.DecisionResolve, Note: "told bob"}
		for range 2 { // the answer to the first one was lost
			if done, err := r.Decide(t.Context(), d); err != nil || done != (Decided{From: bob, Group: group}) {
				t.Fatalf("decided about %+v, %v", done, err)
			}
		}
		for _, other := range []Decision{{id, moderator + 1, d.Word, ""}, {id, moderator, proto.DecisionDismiss, ""}} {
			if _, err := r.Decide(t.Context(), other); !errors.Is(err, ErrDecided) {
				t.Errorf("%+v: %v", other, err)
			}
		}
		r.file(t, alice, 1, proto.ReasonSpam, "")
		r.file(t, 12, 1, proto.ReasonSpam, "")
		if list := r.list(t); len(list) != 1 || list[0].Message.ID != "m2" {
			t.Errorf("open are %v", list)
		}
		kept := fields(r.do(t, "hgetall", reportKey(id)))
		delete(kept, "number")
		left := fmt.Sprint(kept, r.do(t, "exists", userKey(carol)), r.do(t, "exists", userKey(12)))
		if want := "map[by:11 decision:resolve from:8 group:900 note:told bob] 0 0"; left != want {
			t.Errorf("left is %s, want %s", left, want)
		}
		for _, none := range []string{"", "x", idOf(alice, proto.Position{Log: group, Number: 9}), id + "}x"} {
			if _, err := r.Decide(t.Context(), Decision{Report: none, By: moderator, Word: d.Word}); !errors.Is(err, ErrNoReport) {
				t.Errorf("report %q: %v", none, err)
			}
		}
	})
}

// Of many moderators who decide at once, while users go on to report, one wins.
func TestOneOfManyModeratorsDecides(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		r.file(t, alice, 1, proto.ReasonSpam, "")
		id := r.list(t)[0].ID
		const many = 8
		errs := make([]error, many)
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				_, errs[i] = r.Decide(t.Context(), Decision{Report: id, By: moderator + int64(i), Word: proto.DecisionDismiss})
				for errors.Is(errs[i], op.ErrUnavailable) { // reports came all the time
					_, errs[i] = r.Decide(t.Context(), Decision{Report: id, By: moderator + int64(i), Word: proto.DecisionDismiss})
				}
			})
			all.Go(func() {
				if err := r.try(t.Context(), 100+int64(i), 1, proto.ReasonSpam, ""); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, ErrDecided) {
				t.Error(err)
			}
		}
		if list := r.list(t); won != 1 || len(list) != 0 {
			t.Errorf("%d have won, open are %v", won, list)
		}
		for i := range int64(many) {
			if n := r.do(t, "zcard", userKey(100+i)); n != int64(0) {
				t.Errorf("user %d is still noted in %v", 100+i, n)
			}
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		for i := range int64(MostOfUser) {
			r.file(t, alice, 1+i, proto.ReasonSpam, "")
		}
		if err := r.try(t.Context(), alice, 1000, proto.ReasonSpam, ""); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many of alice: %v", err)
		}
		r.file(t, alice, 1, proto.ReasonSpam, "") // a repetition needs no place
		first := r.list(t)[0].ID
		if _, err := r.Decide(t.Context(), Decision{Report: first, By: moderator, Word: proto.DecisionDismiss}); err != nil {
			t.Fatal(err)
		}
		r.file(t, alice, 1000, proto.ReasonSpam, "")

		for i := range int64(MostReporters + 5) {
			r.file(t, 200+i, 2, proto.ReasonSpam, "")
		}
		if n := len(r.list(t)[0].Statements); n != MostReporters {
			t.Errorf("%d users are noted for one message", n)
		}

		fill := []any{"zadd", openKey}
		now := op.ClockMs(r.do(t, "time"))
		for i := range MostOpen - MostOfUser {
			fill = append(fill, now-int64(i), fmt.Sprint("filler", i))
		}
		r.do(t, fill...)
		if err := r.try(t.Context(), carol, 2000, proto.ReasonSpam, ""); !errors.Is(err, ErrFull) {
			t.Errorf("one too many of all: %v", err)
		}
		r.file(t, carol, 3, proto.ReasonSpam, "") // a message that is reported already needs no place
	})
}

// Redis removes a report by itself, and a decision. Keys that still name it are no obstacle.
func TestReportsEndAfterTheirLife(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		for i := range int64(MostOfUser) {
			r.file(t, alice, 1+i, proto.ReasonSpam, "")
		}
		list := r.list(t)
		if _, err := r.Decide(t.Context(), Decision{Report: list[0].ID, By: moderator, Word: proto.DecisionDismiss}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{openKey, userKey(alice), reportKey(list[0].ID), reportKey(list[1].ID)} {
			if left, _ := r.do(t, "pttl", key).(int64); left <= Life.Milliseconds()/2 || left > Life.Milliseconds() {
				t.Errorf("%s has %d ms to live", key, left)
			}
		}
		old := op.ClockMs(r.do(t, "time")) - Life.Milliseconds() - 60_000 // the Store only knows about what time it is there
		for i, one := range list[1:] {
			r.do(t, "zadd", openKey, old-int64(i), one.ID)
			r.do(t, "zadd", userKey(alice), old-int64(i), one.ID)
			r.do(t, "del", reportKey(one.ID))
		}
		if list := r.list(t); len(list) != 0 {
			t.Errorf("open are %v", list)
		}
		r.file(t, alice, 1000, proto.ReasonSpam, "")
		if open, own := r.do(t, "zcard", openKey), r.do(t, "zcard", userKey(alice)); open != int64(1) || own != int64(1) {
			t.Errorf("%v reports are kept, %v of alice", open, own)
		}
	})
}

func TestErasedReporterIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, r *Reports) {
		r.file(t, alice, 1, proto.ReasonSpam, "a note of alice")
		r.file(t, alice, 2, proto.ReasonSpam, "")
		r.file(t, carol, 2, proto.ReasonAbuse, "")
		for range 2 {
			if err := r.Erase(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := described(r.list(t)), fmt.Sprintf("%q", []string{`text 2 of 8 m2 at 1002: 9 abuse ""`}); got != want {
			t.Errorf("reports are %s, want %s", got, want)
		}
		if n := r.do(t, "exists", userKey(alice)); n != int64(0) {
			t.Error("alice is still noted")
		}
		at, _ := said(1, "")
		if n := r.do(t, "exists", reportKey(idOf(alice, at))); n != int64(0) {
			t.Error("a report without users is still there")
		}
		// A moderator who decides meanwhile by an earlier page reads again.
		if _, err := r.Decide(t.Context(), Decision{Report: r.list(t)[0].ID, By: moderator, Word: proto.DecisionDismiss}); err != nil {
			t.Error(err)
		}
	})
}

// A report or a decision that was answered is on the replica, also if it changed nothing.
func TestWritesWaitForReplicas(t *testing.T) {
	primary := storetest.Primary(t)
	hasty := open(t, primary.URL(), 1, time.Millisecond)
	if err := hasty.try(t.Context(), alice, 1, proto.ReasonSpam, ""); !errors.Is(err, op.ErrUnknown) {
		t.Errorf("without a replica: %v", err)
	}
	copyOf := storetest.Replica(t, primary.Addr())
	r := open(t, primary.URL(), 1, wait.Limit)
	r.file(t, alice, 1, proto.ReasonSpam, "")
	one := r.list(t)[0]
	if _, err := r.Decide(t.Context(), Decision{Report: one.ID, By: moderator, Word: proto.DecisionDismiss}); err != nil {
		t.Fatal(err)
	}
	if word := storetest.Client(t, copyOf.Addr()).HGet(t.Context(), reportKey(one.ID), "decision").Val(); word != proto.DecisionDismiss {
		t.Errorf("the replica has the decision %q", word)
	}
}
