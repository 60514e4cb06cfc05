package routefn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/cim-go/cim/proto"
)

func (w *world) createGroup(token string, q proto.CreateGroup) int64 {
	w.t.Helper()
	var answer proto.CreatedGroup
	if code := w.post(proto.PathGroupCreate, token, q, &answer); code != proto.OK || len(answer.Missing) != 0 {
		w.t.Fatalf("create: %v, %+v", code, answer)
	}
	return answer.Group
}

func (w *world) join(token string, group int64) {
	w.t.Helper()
	var answer proto.JoinedGroup
	if code := w.post(proto.PathGroupJoin, token, proto.JoinGroup{Group: group}, &answer); code != proto.OK || answer.Group != group {
		w.t.Fatalf("join: %v, %+v", code, answer)
	}
}

func (w *world) say(token string, group int64, id string) proto.SendReceipt {
	w.t.Helper()
	var answer proto.SendReceipt
	if code := w.post(proto.PathSend, token, proto.SendMessage{ID: id, Group: group, Text: id}, &answer); code != proto.OK {
		w.t.Fatalf("send %s: %v", id, code)
	}
	return answer
}

// reopen reports a connection's opening again, as its node does when it learns that the
// user's groups have changed.
func (w *world) reopen(c connection) *proto.Opened {
	w.t.Helper()
	o := w.report(c.node, &proto.Opening{Session: c.session})[0]
	if o.Code != 0 {
		w.t.Fatalf("open again: %v", o)
	}
	return o
}

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

func TestGroupIsCreatedJoinedListedAndLeft(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Name: "friends", Members: []int64{bob.User, alice.User, bob.User}})
	w.join(carol.Token, g)
	w.join(carol.Token, g)

	var groups proto.GroupsAnswer
	if code := w.get(proto.PathGroups, bob.Token, &groups); code != proto.OK || len(groups.Groups) != 1 || groups.Groups[0] != (proto.Group{
		Group: g, Name: "friends", Members: 3, Creator: alice.User, Owner: alice.User, Role: proto.GroupMember,
	}) {
		t.Errorf("bob's groups: %v, %+v", code, groups)
	}
	var names []string
	for after := int64(0); ; {
		var page proto.GroupMembersAnswer
		path := fmt.Sprintf("%s?group=%d&after=%d&limit=2", proto.PathGroupMembers, g, after)
		if code := w.get(path, carol.Token, &page); code != proto.OK || page.Total != 3 {
			t.Fatalf("members: %v, %+v", code, page)
		}
		for _, u := range page.Users {
			names = append(names, u.Name)
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"alice", "bob", "carol"}) {
		t.Errorf("members are %v", names)
	}

	w.say(bob.Token, g, "hi")
	if code := w.post(proto.PathGroupLeave, bob.Token, proto.LeaveGroup{Group: g}, nil); code != proto.OK {
		t.Errorf("leave: %v", code)
	}
	w.say(alice.Token, g, "secret")
	var pulled proto.PulledMessages
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{After: proto.Position{Log: g}}, &pulled); code != proto.OK {
		t.Fatalf("pull: %v", code)
	}
	var kinds []proto.Kind
	for _, m := range pulled.Messages {
		kinds = append(kinds, m.Kind)
	}
	if !slices.Equal(kinds, []proto.Kind{proto.Kind_JOIN, proto.Kind_JOIN, proto.Kind_TEXT, proto.Kind_LEAVE}) { // bob's own joining, and carol's
		t.Errorf("bob reads %+v", pulled.Messages)
	}
	for path, q := range map[string]any{
		proto.PathPull: proto.PullMessages{After: pulled.Through},
		proto.PathSend: proto.SendMessage{ID: "x", Group: g, Text: "x"},
	} {
		if code := w.post(path, bob.Token, q, nil); code != proto.NotMember {
			t.Errorf("%s of one who left: %v", path, code)
		}
	}
	if code := w.get(proto.PathGroupMembers+"?group="+strconv.FormatInt(g, 10), bob.Token, nil); code != proto.NotMember {
		t.Errorf("members for one who left: %v", code)
	}
}

func TestGroupRequestsAreChecked(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for name, c := range map[string]struct {
		path, token string
		q           any
		want        proto.Code
	}{
		"create, no token":      {proto.PathGroupCreate, "", proto.CreateGroup{}, proto.Unauthorized},
		"create, bad name":      {proto.PathGroupCreate, alice.Token, proto.CreateGroup{Name: " x"}, proto.Invalid},
		"create, nobody":        {proto.PathGroupCreate, alice.Token, proto.CreateGroup{Members: []int64{4711}}, proto.UnknownUser},
		"create, no user id":    {proto.PathGroupCreate, alice.Token, proto.CreateGroup{Members: []int64{-1}}, proto.Invalid},
		"create, too many":      {proto.PathGroupCreate, alice.Token, proto.CreateGroup{Members: make([]int64, proto.MaxInvited+1)}, proto.Invalid},
		"create, bad id":        {proto.PathGroupCreate, alice.Token, proto.CreateGroup{ID: "two words"}, proto.Invalid},
		"join, no token":        {proto.PathGroupJoin, "", proto.JoinGroup{Group: 5}, proto.Unauthorized},
		"join, everyone":        {proto.PathGroupJoin, alice.Token, proto.JoinGroup{Group: 1}, proto.Invalid},
		"join, nothing":         {proto.PathGroupJoin, alice.Token, proto.JoinGroup{}, proto.Invalid},
		"join, too large an id": {proto.PathGroupJoin, alice.Token, proto.JoinGroup{Group: proto.MaxUser + 1}, proto.Invalid},
		"join, no such":         {proto.PathGroupJoin, alice.Token, proto.JoinGroup{Group: 4711}, proto.UnknownGroup},
		"leave, no token":       {proto.PathGroupLeave, "", proto.LeaveGroup{Group: 5}, proto.Unauthorized},
		"leave, everyone":       {proto.PathGroupLeave, alice.Token, proto.LeaveGroup{Group: 1}, proto.Invalid},
		"leave, no such":        {proto.PathGroupLeave, alice.Token, proto.LeaveGroup{Group: 4711}, proto.UnknownGroup},
		"add, no token":         {proto.PathGroupAdd, "", proto.AddMember{Group: 5, User: 5}, proto.Unauthorized},
		"add, everyone":         {proto.PathGroupAdd, alice.Token, proto.AddMember{Group: 1, User: alice.User}, proto.Invalid},
		"add, nobody":           {proto.PathGroupAdd, alice.Token, proto.AddMember{Group: 5, User: 4711}, proto.UnknownUser},
		"add, no user id":       {proto.PathGroupAdd, alice.Token, proto.AddMember{Group: 5}, proto.Invalid},
		"remove, no token":      {proto.PathGroupRemove, "", proto.RemoveMember{Group: 5, User: 5}, proto.Unauthorized},
		"remove, everyone":      {proto.PathGroupRemove, alice.Token, proto.RemoveMember{Group: 1, User: alice.User}, proto.Invalid},
		"remove, no such":       {proto.PathGroupRemove, alice.Token, proto.RemoveMember{Group: 4711, User: alice.User}, proto.UnknownGroup},
	} {
		if got := w.post(c.path, c.token, c.q, nil); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for path, want := range map[string]proto.Code{
		proto.PathGroupMembers:                         proto.Invalid,
		proto.PathGroupMembers + "?group=1":            proto.Invalid,
		proto.PathGroupMembers + "?group=4711":         proto.UnknownGroup,
		proto.PathGroupMembers + "?group=4711&limit=0": proto.Invalid,
	} {
		if got := w.get(path, alice.Token, nil); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if got := w.get(proto.PathGroups, "", nil); got != proto.Unauthorized {
		t.Errorf("groups without a token: %v", got)
	}
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

// The answer to a request that made a group is lost or late, and the request is
// repeated.
func TestRepeatedRequestMakesOneGroup(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	q := proto.CreateGroup{ID: "r1", Name: "friends", Members: []int64{bob.User, carol.User}}
	g := w.createGroup(alice.Token, q)
	if code := w.post(proto.PathGroupLeave, bob.Token, proto.LeaveGroup{Group: g}, nil); code != proto.OK {
		t.Fatalf("leave: %v", code)
	}
	if again := w.createGroup(alice.Token, q); again != g {
		t.Errorf("group %d, then %d", g, again)
	}
	w.flush()
	w.reopen(alice)
	w.say(alice.Token, g, "hi")
	w.flush()
	if got := alice.node.entries(g); !slices.Equal(got, []string{"hi"}) {
		t.Errorf("the repetition told %v", got)
	}
	if code := w.post(proto.PathSend, bob.Token, proto.SendMessage{ID: "x", Group: g, Text: "x"}, nil); code != proto.NotMember {
		t.Errorf("bob, who has left, sends: %v", code)
	}
	others := []int64{g, w.createGroup(bob.Token, proto.CreateGroup{ID: "r1"}), w.createGroup(alice.Token, proto.CreateGroup{}), w.createGroup(alice.Token, proto.CreateGroup{})}
	if slices.Sort(others); len(slices.Compact(others)) != 4 {
		t.Errorf("four requests made the groups %v", others)
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

func TestCreatorRemovesAndAddsMembers(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Members: []int64{bob.User, carol.User}})
	w.flush()
	w.reopen(bob)
	told := len(bob.node.notices())
	remove := func(token string, user int64) proto.Code {
		return w.post(proto.PathGroupRemove, token, proto.RemoveMember{Group: g, User: user}, nil)
	}
	if code := remove(bob.Token, carol.User); code != proto.NotCreator {
		t.Errorf("bob removes carol: %v", code)
	}
	for range 2 {
		if code := remove(alice.Token, bob.User); code != proto.OK {
			t.Fatalf("alice removes bob: %v", code)
		}
	}
	w.say(alice.Token, g, "secret")
	w.flush()
	if got := bob.node.entries(g); len(got) < 1 || bob.node.notices()[told:][0] != bob.User {
		t.Errorf("bob's node was pushed %v and told of %v", got, bob.node.notices()[told:])
	}
	var pulled proto.PulledMessages
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{After: proto.Position{Log: g}}, &pulled); code != proto.OK {
		t.Fatalf("pull: %v", code)
	}
	if last := pulled.Messages[len(pulled.Messages)-1]; last.Kind != proto.Kind_LEAVE || last.From != bob.User || last.By != alice.User {
		t.Errorf("the last that bob reads is %+v", last)
	}
	if code := w.post(proto.PathGroupJoin, bob.Token, proto.JoinGroup{Group: g}, nil); code != proto.Removed {
		t.Errorf("bob joins: %v", code)
	}
	add := proto.AddMember{Group: g, User: bob.User}
	if code := w.post(proto.PathGroupAdd, carol.Token, add, nil); code != proto.NotCreator {
		t.Errorf("carol adds bob: %v", code)
	}
	if code := w.post(proto.PathGroupAdd, alice.Token, add, nil); code != proto.OK {
		t.Errorf("alice adds bob: %v", code)
	}
	w.say(bob.Token, g, "back")
}

func TestOwnerGivesRoles(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Members: []int64{bob.User, carol.User}})
	give := func(token string, user int64, role string, want proto.Code) {
		t.Helper()
		if code := w.post(proto.PathGroupRole, token, proto.GiveGroupRole{Group: g, User: user, Role: role}, nil); code != want {
			t.Errorf("%s for %d: %v", role, user, code)
		}
	}
	give(bob.Token, carol.User, proto.GroupReadOnly, proto.NotCreator)
	give(alice.Token, bob.User, "creator", proto.Invalid)
	give(alice.Token, bob.User, proto.GroupAdmin, proto.OK)
	give(bob.Token, carol.User, proto.GroupReadOnly, proto.OK)
	if code := w.post(proto.PathSend, carol.Token, proto.SendMessage{ID: "1", Group: g, Text: "hi"}, nil); code != proto.Forbidden {
		t.Errorf("carol writes: %v", code)
	}
	if code := w.post(proto.PathSchedule, carol.Token, proto.ScheduleMessage{ID: "2", Group: g, Text: "hi", After: 1}, nil); code != proto.Forbidden {
		t.Errorf("carol schedules: %v", code)
	}
	give(alice.Token, bob.User, proto.GroupOwner, proto.OK)
	var page proto.GroupMembersAnswer
	if code := w.get(fmt.Sprintf("%s?group=%d", proto.PathGroupMembers, g), carol.Token, &page); code != proto.OK {
		t.Fatalf("members: %v", code)
	}
	got := make(map[string]string)
	for _, u := range page.Users {
		got[u.Name] = u.Role
	}
	if want := map[string]string{"alice": proto.GroupAdmin, "bob": proto.GroupOwner, "carol": proto.GroupReadOnly}; !maps.Equal(got, want) {
		t.Errorf("roles are %v", got)
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
