package routefn

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

// enterAt enters the connection's node for groups in a separate request, and returns
// the answer.
func (w *world) enterAt(c connection, e *proto.Entering) *proto.Entered {
	w.t.Helper()
	var answer proto.ReportAnswer
	w.node(proto.PathNodeReport, &proto.ReportRequest{Origin: c.node.origin, Apart: true, Entering: []*proto.Entering{e}}, &answer)
	if len(answer.Entered) != 1 {
		w.t.Fatalf("answered %v", &answer)
	}
	return answer.Entered[0]
}

// A node that enters groups by itself gets the list of a user's groups with the
// opening. It enters the groups that it does not hold. Of groups that it holds it only
// gets the memberships. Nothing is pushed to it for a user who is not a member.
func TestNodeThatAsksApartIsToldOfItsGroups(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Members: []int64{bob.User}})
	other := w.createGroup(alice.Token, proto.CreateGroup{})
	var answer proto.ReportAnswer
	opening := &proto.Opening{Session: alice.session}
	w.node(proto.PathNodeReport, &proto.ReportRequest{Origin: alice.node.origin, Apart: true, Opened: []*proto.Opening{opening}}, &answer)
	o := answer.Opened[0]
	slices.Sort(o.Groups)
	if want := slices.Sorted(slices.Values([]int64{g, other})); !slices.Equal(o.Groups, want) || len(o.Newest) != 2 {
		t.Fatalf("opened with groups %v, newest %v", o.Groups, o.Newest)
	}
	if a := w.enterAt(carol, &proto.Entering{Session: carol.session, Groups: []int64{g, 4711}}); len(a.Newest)+len(a.Held)+len(a.Later) != 0 || a.Code != 0 {
		t.Errorf("for a stranger: %v", a)
	}
	w.say(alice.Token, g, "1")
	w.flush()
	if got := carol.node.entries(g); len(got) != 0 { // no node has entered it yet
		t.Errorf("the stranger's node was pushed %v", got)
	}
	a := w.enterAt(alice, &proto.Entering{Session: alice.session, Groups: []int64{g, other}})
	known := markOf(a.Newest, g)
	if len(a.Newest) != 2 || known.GetNumber() != 4 {
		t.Fatalf("entered at %v", a.Newest)
	}
	sent := w.say(alice.Token, g, "2")
	w.flush()
	if got := alice.node.entries(g); !slices.Contains(got, sent.ID) {
		t.Errorf("alice's node was pushed %v", got)
	}
	held := w.enterAt(alice, &proto.Entering{Session: alice.session, Known: []*proto.Mark{
		{Log: g, Epoch: known.Epoch, Number: known.Number}, {Log: other, Epoch: 1, Number: 99},
	}})
	if !slices.Equal(held.Held, []int64{g}) || len(held.Newest) != 1 || held.Newest[0].Log != other {
		t.Errorf("of what the node knows it was told %v", held)
	}
	forged := &proto.Session{User: bob.User, Name: "bob", Device: "phone", Number: bob.Number, Proof: alice.session.Proof}
	if a := w.enterAt(alice, &proto.Entering{Session: forged, Groups: []int64{g}}); proto.Code(a.Code) != proto.Unauthorized || len(a.Newest) != 0 {
		t.Errorf("for a session that did not come to it: %v", a)
	}
}
