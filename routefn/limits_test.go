package routefn

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
)

// hourly is a rate of n at once and one more each hour.
func hourly(n int) limit.Rate { return limit.Rate{Every: time.Hour, Burst: n} }

// Over HTTP and from a node, a message over its sender's rate is refused with the time to
// wait, and the repetition of one that was stored is not.
func TestMessageOverItsRateIsRefusedWithTheTimeToWait(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Messages: hourly(2)}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"})
	item := func(id string, again bool) *proto.SendItem {
		return &proto.SendItem{Session: alice.session, Id: id, To: bob.User, Text: "hi", Again: again}
	}
	q := &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{item("m2", false), item("m3", false)}}
	var answer proto.SendAnswer
	w.node(proto.PathNodeSend, q, &answer)
	if first, second := answer.Items[0], answer.Items[1]; first.Code != 0 || proto.Code(second.Code) != proto.Limited || second.Wait <= 0 {
		t.Errorf("a node's messages are answered %v", answer.Items)
	}
	body, err := json.Marshal(proto.SendMessage{ID: "m4", To: bob.User, Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	status, header, text := w.call("POST", proto.PathSend, alice.Token, "application/json", string(body))
	seconds, _ := strconv.Atoi(header.Get("Retry-After"))
	if status != 429 || seconds < 3000 || seconds > 3601 || !strings.Contains(string(text), fmt.Sprint(int(proto.Limited))) {
		t.Errorf("status %d, Retry-After %q, %s", status, header.Get("Retry-After"), text)
	}
	for _, id := range []string{"m1", "m2"} {
		w.send(alice.Token, proto.SendMessage{ID: id, To: bob.User, Text: "hi"})
	}
	w.wantInbox(bob.Token, "m1", "m2")
}

// The rates of pulls and of new groups are bounded. Making a group counts as one message
// for each member.
func TestRequestsOverTheirRateAreRefused(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Pulls: hourly(2), Groups: hourly(2), Messages: hourly(5)}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	ask := func(path string, q any) (status int) {
		t.Helper()
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		status, header, text := w.call("POST", path, alice.Token, "application/json", string(body))
		if status == 429 && (header.Get("Retry-After") == "" || !strings.Contains(string(text), fmt.Sprint(int(proto.Limited)))) {
			t.Errorf("%s: Retry-After %q, %s", path, header.Get("Retry-After"), text)
		}
		return status
	}
	for i, want := range []int{200, 200, 429} {
		if got := ask(proto.PathPull, proto.PullMessages{}); got != want {
			t.Errorf("pull %d: status %d, want %d", i, got, want)
		}
	}
	for i, want := range []int{200, 429} { // three messages each
		q := proto.CreateGroup{ID: fmt.Sprint("g", i), Members: []int64{bob.User, bob.User}}
		if got := ask(proto.PathGroupCreate, q); got != want {
			t.Errorf("group %d: status %d, want %d", i, got, want)
		}
	}
	for i, want := range []int{200, 429} {
		if got := ask(proto.PathGroupCreate, proto.CreateGroup{ID: fmt.Sprint("empty", i)}); got != want {
			t.Errorf("group without others %d: status %d, want %d", i, got, want)
		}
	}
}

// CIM's clients do not retry, so they are shown the reason.
func TestCIMClientReadsWhyItsRateIsUp(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Messages: hourly(1)}, nil)
	bob := w.register("bob")
	n := w.nodes["n1"]
	alice, _ := w.connectCIM("alice", n)
	for range 3 { // one of a sender of whom the route knows nothing is not counted
		w.call("POST", "/p2pRoute", "", "application/json", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi"}`, alice, bob))
	}
	w.flush()
	list := w.notices(n)
	if len(list) != 1 || !strings.Contains(list[0].Notice, proto.Limited.Text()) {
		t.Errorf("alice reads %v", list)
	}
}
