package client

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestScheduleRepeatsWithLessDelayUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		var asked []proto.ScheduleMessage
		k.setOnCall(func(path string, body []byte) *proto.ErrorAnswer {
			if path != proto.PathSchedule {
				return nil
			}
			var q proto.ScheduleMessage
			json.Unmarshal(body, &q)
			if asked = append(asked, q); len(asked) < 4 {
				return refuse(proto.Unknown)
			}
			return nil
		})
		s, err := NewSender(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got, err := s.ScheduleAfter(t.Context(), Outgoing{To: bob, Text: "later"}, time.Hour)
		if err != nil || got.ID != asked[0].ID || got.State != proto.StatePending {
			t.Fatalf("scheduled %+v, %v", got, err)
		}
		waited := time.Since(start)
		last := asked[len(asked)-1]
		if len(asked) != 4 || last.ID != asked[0].ID || last.To != bob || last.Text != "later" {
			t.Errorf("asked %+v", asked)
		}
		if due := time.Duration(last.After)*time.Millisecond + waited; waited == 0 || due > time.Hour || due < time.Hour-time.Second {
			t.Errorf("after %v it asked for %d ms more", waited, last.After)
		}
		noon := time.Now().Add(3 * time.Hour)
		if _, err := s.ScheduleAt(t.Context(), Outgoing{ID: "x", Group: room, Text: "noon"}, noon); err != nil {
			t.Fatal(err)
		}
		if q := asked[4]; q.At != noon.UnixMilli() || q.After != 0 || q.ID != "x" || q.Group != room {
			t.Errorf("asked %+v", q)
		}
	})
}

func TestScheduleEndsWithItsContextOrARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c, err := NewSender(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return refuse(proto.Unavailable) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.ScheduleAfter(ctx, Outgoing{To: bob, Text: "x"}, time.Hour); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("schedule: %v", err)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return refuse(proto.TooMany) })
		if _, err := c.ScheduleAfter(t.Context(), Outgoing{To: bob, Text: "x"}, time.Hour); codeOf(err) != proto.TooMany {
			t.Errorf("schedule: %v", err)
		}
		k.setOnCall(nil)
		if _, err := c.ScheduleAt(t.Context(), Outgoing{Text: "to nobody"}, time.Now()); codeOf(err) != proto.Invalid {
			t.Errorf("schedule: %v", err)
		}
		if err := c.CancelScheduled(t.Context(), "sent"); codeOf(err) != proto.TooLate {
			t.Errorf("cancel: %v", err)
		}
		if err := c.CancelScheduled(t.Context(), "a"); err != nil {
			t.Errorf("cancel: %v", err)
		}
	})
}

func TestScheduledGoesThroughAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, newCluster().config())
		var ids string
		for m, err := range c.Scheduled(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			ids += m.ID
		}
		if ids != "ab" {
			t.Errorf("listed %q", ids)
		}
	})
}
