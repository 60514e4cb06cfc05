package routefn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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
