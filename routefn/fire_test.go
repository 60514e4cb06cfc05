package routefn

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/delayed"
)

func (w *world) schedule(token string, q proto.ScheduleMessage) proto.Scheduled {
	w.t.Helper()
	var answer proto.Scheduled
	if code := w.post(proto.PathSchedule, token, q, &answer); code != proto.OK {
		w.t.Fatalf("schedule %+v: %v", q, code)
	}
	return answer
}

func (w *world) scheduled(token, query string) proto.ScheduledAnswer {
	w.t.Helper()
	var answer proto.ScheduledAnswer
	if code := w.get(proto.PathScheduled+query, token, &answer); code != proto.OK {
		w.t.Fatalf("list scheduled: %v", code)
	}
	return answer
}

// due schedules a message that is due now.
func (w *world) due(token, id string, to, group int64) {
	w.t.Helper()
	w.schedule(token, proto.ScheduleMessage{ID: id, To: to, Group: group, Text: id, At: time.Now().Add(-time.Second).UnixMilli()})
}

// fire asks for due work as a node does, and returns when to ask again.
func (w *world) fire() time.Duration {
	w.t.Helper()
	var answer proto.FireAnswer
	w.node(proto.PathNodeFire, &proto.FireRequest{Origin: w.nodes["n1"].origin}, &answer)
	w.flush()
	return time.Duration(answer.Next) * time.Millisecond
}

// wantInbox checks the texts of the messages in a user's inbox.
func (w *world) wantInbox(token string, want ...string) {
	w.t.Helper()
	var got []string
	for _, m := range w.pull(token, proto.Position{}).Messages {
		got = append(got, m.ID)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("log has %v, want %v", got, want)
	}
}

// clockSlack is the largest error, in ms, of a route's reading of the store's clock. A
// busy machine may cause such an error.
const clockSlack = 1000

func TestDelayedMessageIsSentWhenDueToReceiverAndAllOwnDevices(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer = registry })
	phone, desk, bob := w.connect("alice", "phone"), w.connect("alice", "desk"), w.connect("bob", "phone")
	s := w.schedule(phone.Token, proto.ScheduleMessage{ID: "m1", To: bob.User, Text: "hi", After: 300})
	if s.ID != "m1" || s.State != proto.StatePending || s.Due == 0 {
		t.Fatalf("scheduled %+v", s)
	}
	next, early := w.fire(), len(w.pull(bob.Token, proto.Position{}).Messages)
	if len(w.scheduled(phone.Token, "").Messages) > 0 && (next > 300*time.Millisecond || early > 0) { // otherwise it has become due meanwhile
		t.Errorf("ask again in %v for what is due in 300 ms, and bob has %d messages", next, early)
	}
	for len(w.scheduled(phone.Token, "").Messages) > 0 {
		w.fire()
	}
	for range 3 {
		w.fire()
	}
	w.wantInbox(bob.Token, "m1")
	w.wantInbox(phone.Token, "m1")
	m := w.pull(bob.Token, proto.Position{}).Messages[0]
	if m.From != phone.User || m.FromName != "alice" || m.Text != "hi" || m.Time < s.Due-clockSlack || m.Time > time.Now().UnixMilli()+clockSlack {
		t.Errorf("bob has %+v, which was due at %d", m, s.Due)
	}
	pushed := make(map[int64]int)
	for _, n := range w.nodes {
		for _, item := range n.items() {
			for _, number := range item.Numbers {
				pushed[number]++
			}
		}
	}
	for _, c := range []connection{phone, desk, bob} {
		if pushed[c.Number] != 1 {
			t.Errorf("%s on %s was pushed it %d times", c.Name, c.Device, pushed[c.Number])
		}
	}
	if n := testutil.ToFloat64(w.route.metrics.DelayedSent); n != 1 {
		t.Errorf("%v are counted", n)
	}
	if again := w.schedule(phone.Token, proto.ScheduleMessage{ID: "m1", To: bob.User, Text: "hi", After: 1}); again.State != proto.StateSent {
		t.Errorf("scheduled again: %+v", again)
	}
	if code := w.post(proto.PathCancel, phone.Token, proto.CancelMessage{ID: "m1"}, nil); code != proto.TooLate {
		t.Errorf("cancelled after it was sent: %v", code)
	}
}

// The clock of a route's machine may be hours off.
func TestRoutesClockFiresNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.schedule(alice.Token, proto.ScheduleMessage{ID: "m1", To: bob.User, Text: "hi", After: time.Hour.Milliseconds()})
	if next := w.fire(); next != delayed.AskLatest {
		t.Errorf("ask again in %v", next)
	}
	w.wantInbox(bob.Token)
}

func TestBadSchedulesAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	group := w.createGroup(bob.Token, proto.CreateGroup{Name: "bob's"})
	hour := time.Hour.Milliseconds()
	for name, c := range map[string]struct {
		token string
		q     any
		want  proto.Code
	}{
		"no token":       {"", proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x", After: hour}, proto.Unauthorized},
		"no time":        {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x"}, proto.Invalid},
		"two times":      {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x", After: hour, At: hour}, proto.Invalid},
		"negative":       {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x", After: -1}, proto.Invalid},
		"seconds":        {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x", At: time.Now().Unix()}, proto.Invalid},
		"years":          {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: "x", After: 1 << 62}, proto.Invalid},
		"nobody":         {alice.Token, proto.ScheduleMessage{ID: "1", To: 4711, Text: "x", After: hour}, proto.UnknownUser},
		"no group":       {alice.Token, proto.ScheduleMessage{ID: "1", Group: 4711, Text: "x", After: hour}, proto.UnknownGroup},
		"not a member":   {alice.Token, proto.ScheduleMessage{ID: "1", Group: group, Text: "x", After: hour}, proto.NotMember},
		"no text":        {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, After: hour}, proto.Invalid},
		"too long":       {alice.Token, proto.ScheduleMessage{ID: "1", To: bob.User, Text: strings.Repeat("x", proto.MaxText+1), After: hour}, proto.TooLarge},
		"bad id":         {alice.Token, proto.ScheduleMessage{ID: "a b", To: bob.User, Text: "x", After: hour}, proto.Invalid},
		"unknown field":  {alice.Token, `{"id":"1","when":5}`, proto.Invalid},
		"time as a text": {alice.Token, `{"id":"1","at":"noon"}`, proto.Invalid},
	} {
		if code := w.post(proto.PathSchedule, c.token, c.q, nil); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	for query, want := range map[string]proto.Code{"?limit=0": proto.Invalid, "?after=x": proto.Invalid, "?after=5": proto.Invalid} {
		if code := w.get(proto.PathScheduled+query, alice.Token, nil); code != want {
			t.Errorf("%s: %v, want %v", query, code, want)
		}
	}
	if list := w.scheduled(alice.Token, ""); len(list.Messages) != 0 {
		t.Errorf("pending are %+v", list)
	}
}

func TestOnlyTheSenderListsAndCancels(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i := range 5 {
		w.schedule(alice.Token, proto.ScheduleMessage{ID: fmt.Sprint("m", i), To: bob.User, Text: "x", After: int64(10-i) * 60_000})
	}
	var got []string
	for query := "?limit=2"; ; {
		page := w.scheduled(alice.Token, query)
		for _, m := range page.Messages {
			got = append(got, m.ID)
			if m.State != proto.StatePending || m.To != bob.User || m.Text != "x" || m.Due == 0 {
				t.Errorf("listed %+v", m)
			}
		}
		if page.Next == "" {
			break
		}
		query = "?limit=2&after=" + page.Next
	}
	if want := []string{"m4", "m3", "m2", "m1", "m0"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if list := w.scheduled(bob.Token, ""); len(list.Messages) != 0 {
		t.Errorf("bob has %+v", list)
	}
	for name, c := range map[string]struct {
		token, id string
		want      proto.Code
	}{
		"somebody else's": {bob.Token, "m1", proto.NotScheduled},
		"never scheduled": {alice.Token, "m9", proto.NotScheduled},
		"no token":        {"", "m1", proto.Unauthorized},
		"bad id":          {alice.Token, "a b", proto.Invalid},
		"the own":         {alice.Token, "m1", proto.OK},
	} {
		for range 2 { // again is the same
			if code := w.post(proto.PathCancel, c.token, proto.CancelMessage{ID: c.id}, nil); code != c.want {
				t.Errorf("%s: %v, want %v", name, code, c.want)
			}
		}
	}
	if list := w.scheduled(alice.Token, ""); len(list.Messages) != 4 {
		t.Errorf("after one was cancelled there are %+v", list.Messages)
	}
}

// If the sender has left the group before the message is due, it is not sent, and the
// sender is told that it was dropped.
func TestDelayedGroupMessageOfOneWhoLeftIsDropped(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	group := w.createGroup(bob.Token, proto.CreateGroup{Members: []int64{alice.User}})
	w.due(alice.Token, "too-late", 0, group)
	w.due(bob.Token, "in-time", 0, group)
	w.due(alice.Token, "to-all", 0, proto.Everyone)
	if code := w.post(proto.PathGroupLeave, alice.Token, proto.LeaveGroup{Group: group}, nil); code != proto.OK {
		t.Fatal(code)
	}
	w.fire()
	var texts []string
	for _, m := range w.pull(bob.Token, proto.Position{Log: group}).Messages {
		if m.Kind == proto.Kind_TEXT {
			texts = append(texts, m.Text)
		}
	}
	if !slices.Equal(texts, []string{"in-time"}) {
		t.Errorf("the group has %v", texts)
	}
	if all := w.pull(bob.Token, proto.Position{Log: proto.Everyone}).Messages; len(all) != 1 || all[0].ID != "to-all" {
		t.Errorf("everyone has %+v", all)
	}
	list := w.scheduled(alice.Token, "")
	if len(list.Messages) != 0 || len(list.Dropped) != 1 || list.Dropped[0].ID != "too-late" || list.Dropped[0].Code != proto.NotMember {
		t.Errorf("alice is told %+v", list)
	}
	if n := testutil.ToFloat64(w.route.metrics.DelayedDropped.WithLabelValues("not-member")); n != 1 {
		t.Errorf("%v are counted", n)
	}
}

// woken returns for each node the times in ms after which it was told to ask.
func (w *world) woken() map[string][]int64 {
	told := make(map[string][]int64)
	for id, n := range w.nodes {
		n.mu.Lock()
		for _, p := range n.pushed {
			if p.Wake > 0 {
				told[id] = append(told[id], p.Wake)
			}
		}
		n.mu.Unlock()
	}
	return told
}

// If a message is due before the nodes' next request, some nodes are notified before
// its sender gets the answer. That also holds when the user got no answer and sends the
// request again.
func TestNodesAreToldWhatIsDueSoon(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i, after := range []time.Duration{time.Hour, 20 * time.Second, 20 * time.Second, 0} {
		q := proto.ScheduleMessage{ID: "soon", To: bob.User, Text: "x", After: after.Milliseconds()}
		if after == time.Hour {
			q.ID = "later"
		}
		if after == 0 {
			q.ID, q.At = "now", time.Now().UnixMilli()
		}
		w.schedule(alice.Token, q)
		for id, told := range w.woken() {
			if len(told) != i || told[i-1] > after.Milliseconds()+1 || after > 0 && told[i-1] < after.Milliseconds()-5000 {
				t.Errorf("%s was told %v", id, told)
			}
		}
		if n := len(w.woken()); i > 0 && n != min(3, len(w.nodes)) {
			t.Errorf("%d nodes were told", n)
		}
	}
}

// Two routes on one store that send all the time send each message once, and the
// messages of one sender in their order.
func TestTwoRoutesSendOnceAndInOrder(t *testing.T) {
	w := newWorld(t, nil)
	cfg := w.route.cfg
	cfg.Registerer = nil
	other, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	stop, stopped := make(chan struct{}), make(chan struct{})
	for _, rt := range []*Route{w.route, other} {
		go func() {
			defer func() { stopped <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := rt.node.Fire(t.Context(), nil); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	var want []string
	for i := range 60 {
		id := fmt.Sprint("m", i)
		w.schedule(alice.Token, proto.ScheduleMessage{ID: id, To: bob.User, Text: "x", After: 1})
		want = append(want, id)
	}
	for len(w.scheduled(alice.Token, "").Messages) > 0 {
		time.Sleep(time.Millisecond) // between two looks
	}
	close(stop)
	<-stopped
	<-stopped
	w.wantInbox(bob.Token, want...)
	w.wantInbox(alice.Token, want...)
}

func TestStrangersDoNotFire(t *testing.T) {
	w := newWorld(t, nil)
	if status, _, _ := w.call(http.MethodPost, proto.PathNodeFire, "not the service token", proto.ContentProtobuf, ""); status != http.StatusUnauthorized {
		t.Errorf("answered %d", status)
	}
}

// If some nodes do not answer, others are told instead.
func TestNodesThatAnswerAreToldWhatIsDueSoon(t *testing.T) {
	w := newWorld(t, nil)
	for _, id := range []string{"n3", "n4", "n5"} {
		w.addNode(id)
	}
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.nodes["n1"].pause()
	w.nodes["n2"].stop()
	for i := range 4 {
		w.schedule(alice.Token, proto.ScheduleMessage{ID: fmt.Sprint("m", i), To: bob.User, Text: "x", After: 20_000})
	}
	told := w.woken()
	if len(told["n3"]) != 4 || len(told["n4"]) != 4 || len(told["n5"]) != 4 {
		t.Errorf("told are %v", told)
	}
	for _, id := range []string{"n3", "n4", "n5"} {
		w.nodes[id].pause()
	}
	begun := time.Now()
	w.schedule(alice.Token, proto.ScheduleMessage{ID: "untold", To: bob.User, Text: "x", After: 20_000})
	if took := time.Since(begun); took > wait.Slack*3*time.Second {
		t.Errorf("it took %v to find that no node can be told", took)
	}
	if n := testutil.ToFloat64(w.route.metrics.DelayedUntold); n != 1 {
		t.Errorf("%v are counted as untold", n)
	}
}
