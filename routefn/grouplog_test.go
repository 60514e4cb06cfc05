package routefn

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/cim-go/cim/proto"
)

// entries returns the ids of the group's entries that were pushed to the node.
func (n *fakeNode) entries(group int64) (ids []string) {
	for _, item := range n.items() {
		if item.User == 0 && item.Stored.At.Log == group {
			_, id, _ := proto.ParseKey(item.Stored.Key)
			ids = append(ids, id)
		}
	}
	return ids
}

// notices returns the users of whom the node was told that their groups changed.
func (n *fakeNode) notices() (users []int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.pushed {
		for _, item := range q.Items {
			if item.Groups {
				users = append(users, item.User)
			}
		}
	}
	return users
}

func markOf(marks []*proto.Mark, log int64) *proto.Mark {
	i := slices.IndexFunc(marks, func(m *proto.Mark) bool { return m.Log == log })
	if i < 0 {
		return nil
	}
	return marks[i]
}

// A user who joins while connected is told through the node, which opens the session again
// and is pushed everything from then on, one item a message.
func TestJoiningReachesTheNodeThatHoldsTheUser(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i := 2; bob.node == alice.node; i++ { // the same user always lands on the same node
		bob = w.connect(fmt.Sprint("bob", i), "phone")
	}
	g := w.createGroup(alice.Token, proto.CreateGroup{})
	w.flush()
	if got := alice.node.notices(); !slices.Equal(got, []int64{alice.User}) {
		t.Fatalf("alice's node was told of %v", got)
	}
	o := w.reopen(alice)
	if markOf(o.Newest, g).GetNumber() != 2 || o.Version == 0 {
		t.Errorf("alice opened with %v", o)
	}
	w.say(alice.Token, g, "before")
	w.join(bob.Token, g)
	w.flush()
	if got := bob.node.notices(); !slices.Equal(got, []int64{bob.User}) {
		t.Fatalf("bob's node was told of %v", got)
	}
	o = w.reopen(bob)
	if markOf(o.Newest, g).GetNumber() != 4 {
		t.Errorf("bob opened with %v", o)
	}
	w.say(bob.Token, g, "after")
	w.flush()
	if got := alice.node.entries(g); len(got) != 3 || got[0] != "before" || got[2] != "after" {
		t.Errorf("alice's node was pushed %v", got)
	}
	if got := bob.node.entries(g); !slices.Equal(got, []string{"after"}) {
		t.Errorf("bob's node was pushed %v", got)
	}
}

// The node of a user who has left may never have learned of the joining. It gets the
// position of the leaving, so that the user's devices fetch the messages up to there.
// It gets no position of a joining, because it learns that when it opens the sessions
// again.
func TestNodeOfOneWhoLeftIsToldWhereTheLeavingStands(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{})
	w.join(bob.Token, g)
	if code := w.post(proto.PathGroupLeave, bob.Token, proto.LeaveGroup{Group: g}, nil); code != proto.OK {
		t.Fatalf("leave: %v", code)
	}
	w.flush()
	var told []int64
	for _, item := range bob.node.items() {
		if item.User == bob.User && item.Groups {
			told = append(told, item.Stored.GetAt().GetNumber())
		}
	}
	if !slices.Equal(told, []int64{4}) { // the genesis entry, alice's joining and bob's come before it
		t.Errorf("bob's node was told of %v", told)
	}
}

// Whenever a message is sent, it is either counted in the position that the opening is
// answered with, or pushed to the node.
func TestNoMessageFallsBetweenOpeningAndPushing(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Members: []int64{bob.User}})
	w.flush()
	const messages = 40
	var sent []proto.SendReceipt
	some := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range messages {
			sent = append(sent, w.say(alice.Token, g, strconv.Itoa(i)))
			if i == messages/4 {
				close(some)
			}
		}
	})
	<-some
	opened := w.reopen(bob)
	sending.Wait()
	w.flush()
	newest := markOf(opened.Newest, g).GetNumber()
	pushed := bob.node.entries(g)
	for _, r := range sent {
		if r.At.Number > newest && !slices.Contains(pushed, r.ID) {
			t.Errorf("message %d is neither up to %d nor pushed", r.At.Number, newest)
		}
	}
	t.Logf("%d of %d messages were in the number", newest-3, messages)
}

func TestNodeSendsAndPullsForMembersOnly(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{})
	var sent proto.SendAnswer
	w.node(proto.PathNodeSend, &proto.SendRequest{Origin: bob.node.origin, Items: []*proto.SendItem{
		{Session: bob.session, Id: "1", Group: g, Text: "no"},
		{Session: bob.session, Id: "2", Group: proto.Everyone, Text: "yes"},
	}}, &sent)
	if proto.Code(sent.Items[0].Code) != proto.NotMember || sent.Items[1].Code != 0 {
		t.Errorf("bob's node was answered %v", sent.Items)
	}
	w.say(alice.Token, g, "1")
	pull := func(c connection, after *proto.Mark) *proto.PullAnswer {
		var answer proto.PullAnswer
		w.node(proto.PathNodePull, &proto.PullRequest{Origin: c.node.origin, Session: c.session, After: after}, &answer)
		return &answer
	}
	if a := pull(bob, &proto.Mark{Log: g}); proto.Code(a.Code) != proto.NotMember {
		t.Errorf("bob's node pulls %v", a)
	}
	w.join(bob.Token, g)
	a := pull(bob, &proto.Mark{Log: g}) // for all members at the node, so entries before the joining are there, too
	if a.Code != 0 || len(a.Entries) != 3 {
		t.Errorf("bob's node pulls %v", a)
	}
	if a := pull(bob, &proto.Mark{Log: g, Epoch: 1, Number: 1}); proto.Code(a.Code) != proto.Diverged || a.Newest.GetNumber() != 4 {
		t.Errorf("after a place that is not there: %v", a)
	}
}

func TestReconciliationRenewsLeasesAndFindsOtherGroups(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{})
	held := &proto.Held{User: alice.User, Device: "phone", Number: alice.Number, Newest: alice.opened.Newest[0], Version: alice.opened.Version}
	ask := func() *proto.ReconcileAnswer {
		t.Helper()
		var answer proto.ReconcileAnswer
		w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{
			Origin: alice.node.origin, Held: []*proto.Held{held}, Renew: []int64{g, 4711},
		}, &answer)
		return &answer
	}
	a := ask()
	if len(a.Differences) != 1 || a.Differences[0].Verdict != proto.Verdict_GROUPS || !slices.Equal(a.Lapsed, []int64{g, 4711}) {
		t.Errorf("before it opened her again: %v", a)
	}
	held.Version = w.reopen(alice).Version
	if a = ask(); len(a.Differences) != 0 || !slices.Equal(a.Lapsed, []int64{4711}) || markOf(a.Groups, g).GetNumber() != 2 {
		t.Errorf("after it: %v", a)
	}
}

// A route was paused while it had a first try. Another route stored the repetition.
// Carol joined before the first route went on.
func TestNewcomerIsNotShownWhatAPausedRouteStoresTwice(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	group := w.createGroup(alice.Token, proto.CreateGroup{ID: "g", Members: []int64{bob.User}})
	send := func(sent int64, again bool) *proto.SendResult {
		t.Helper()
		q := &proto.SendRequest{Origin: alice.node.origin, Sent: sent, Items: []*proto.SendItem{
			{Session: alice.session, Id: "m", Group: group, Text: "before carol came", Again: again},
		}}
		var answer proto.SendAnswer
		w.node(proto.PathNodeSend, q, &answer)
		if answer.Time == 0 {
			t.Error("the answer does not tell the store's time")
		}
		return answer.Items[0]
	}
	stands := send(0, true)
	now := stands.Time
	carol := w.connect("carol", "phone")
	w.join(carol.Token, group)
	for _, sent := range []int64{0, now, now - 1000} {
		if r := send(sent, false); r.Code != 0 || r.At.Number != stands.At.Number || !r.Repeated {
			t.Errorf("sent at %d: %v, want it at %v", sent, r, stands.At)
		}
	}
	for _, sent := range []int64{now - 60_000, now + 60_000} {
		if r := send(sent, false); proto.Code(r.Code) != proto.Unavailable {
			t.Errorf("a minute late: %v", r)
		}
	}
	if got := w.pull(carol.Token, proto.Position{Log: group}).Messages; slices.ContainsFunc(got, func(m proto.Message) bool { return m.ID == "m" }) {
		t.Errorf("carol is shown %+v", got)
	}
}
