package routefn

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

func (w *world) consent(caller string, c proto.Consent) {
	w.t.Helper()
	if code := w.post(proto.PathConsent, caller, c, nil); code != proto.OK {
		w.t.Fatalf("consent: %v", code)
	}
}

func (w *world) befriend(a, b connection) {
	w.t.Helper()
	if code := w.post(proto.PathContactRequest, a.Token, proto.RequestContact{User: b.User}, nil); code != proto.OK {
		w.t.Fatalf("request: %v", code)
	}
	w.change(proto.PathContactAccept, b.Token, a.User, proto.OK)
}

// wantGroups checks how many groups and invitations a user has.
func (w *world) wantGroups(caller string, groups, invitations int) {
	w.t.Helper()
	var in proto.GroupsAnswer
	var asked proto.InvitationsAnswer
	if code := w.get(proto.PathGroups, caller, &in); code != proto.OK {
		w.t.Fatalf("groups: %v", code)
	}
	if code := w.get(proto.PathInvitations, caller, &asked); code != proto.OK {
		w.t.Fatalf("invitations: %v", code)
	}
	if len(in.Groups) != groups || len(asked.Invitations) != invitations {
		w.t.Errorf("groups %+v, invitations %+v; want %d and %d", in.Groups, asked.Invitations, groups, invitations)
	}
}

func (w *world) add(caller string, group, user int64, invited bool, want proto.Code) {
	w.t.Helper()
	var out proto.AddedMember
	if code := w.post(proto.PathGroupAdd, caller, proto.AddMember{Group: group, User: user}, &out); code != want || out.Invited != invited {
		w.t.Errorf("add: %v, invited %v; want %v, %v", code, out.Invited, want, invited)
	}
}

// closedWorld has the rules of clusters with passwords.
func closedWorld(t *testing.T) *world {
	return newStoredWorld(t, record.Config{Rules: role.Safe()}, nil)
}

// Where strangers are closed out, only contacts are added to a new group. Others are
// invited, and accept or decline. A user who has blocked the maker is neither.
func TestStrangersAreInvitedToANewGroup(t *testing.T) {
	w := closedWorld(t)
	alice := w.connect("alice", "phone")
	users := map[string]connection{}
	for _, name := range []string{"friend", "stranger", "open", "nobody", "blocker"} {
		users[name] = w.connect(name, "phone")
	}
	w.befriend(alice, users["friend"])
	w.befriend(alice, users["nobody"])
	w.befriend(alice, users["blocker"])
	w.consent(users["open"].Token, proto.Consent{Add: proto.ByEveryone})
	w.consent(users["nobody"].Token, proto.Consent{Add: proto.ByNobody})
	w.change(proto.PathBlock, users["blocker"].Token, alice.User, proto.OK)
	var members []int64
	for _, u := range users {
		members = append(members, u.User)
	}
	var made proto.CreatedGroup
	for range 2 { // a repetition makes the same group, and invites nobody twice
		if code := w.post(proto.PathGroupCreate, alice.Token, proto.CreateGroup{ID: "1", Name: "friends", Members: members}, &made); code != proto.OK {
			t.Fatalf("create: %v", code)
		}
		slices.Sort(made.Invited)
		want := []int64{users["stranger"].User, users["nobody"].User}
		slices.Sort(want)
		if !slices.Equal(made.Invited, want) || !slices.Equal(made.Missing, []int64{users["blocker"].User}) {
			t.Errorf("invited %v, missing %v; want %v and %v", made.Invited, made.Missing, want, users["blocker"].User)
		}
		w.wantGroups(users["friend"].Token, 1, 0)
		w.wantGroups(users["open"].Token, 1, 0)
		w.wantGroups(users["stranger"].Token, 0, 1)
		w.wantGroups(users["nobody"].Token, 0, 1)
		w.wantGroups(users["blocker"].Token, 0, 0)
	}
	var asked proto.InvitationsAnswer
	w.get(proto.PathInvitations, users["stranger"].Token, &asked)
	if in := asked.Invitations[0]; in.Group != made.Group || in.Name != "friends" || in.By != alice.User || in.ByName != "alice" || in.Since == 0 {
		t.Errorf("the invitation is %+v", in)
	}
	decline := func(u connection, want proto.Code) {
		t.Helper()
		if code := w.post(proto.PathGroupDecline, u.Token, proto.LeaveGroup{Group: made.Group}, nil); code != want {
			t.Errorf("decline: %v, want %v", code, want)
		}
	}
	accept := func(u connection, want proto.Code) {
		t.Helper()
		if code := w.post(proto.PathGroupAccept, u.Token, proto.JoinGroup{Group: made.Group}, nil); code != want {
			t.Errorf("accept: %v, want %v", code, want)
		}
	}
	decline(users["nobody"], proto.OK)
	decline(users["nobody"], proto.NoInvitation)
	accept(users["nobody"], proto.NoInvitation)
	w.wantGroups(users["nobody"].Token, 0, 0)
	accept(users["stranger"], proto.OK)
	w.wantGroups(users["stranger"].Token, 1, 0)
	w.add(alice.Token, made.Group, users["blocker"].User, false, proto.Blocked)
	w.add(alice.Token, made.Group, users["nobody"].User, true, proto.OK)
	w.add(users["friend"].Token, made.Group, users["nobody"].User, false, proto.NotCreator)
	if code := w.post(proto.PathGroupJoin, users["nobody"].Token, proto.JoinGroup{Group: made.Group}, nil); code != proto.OK {
		t.Errorf("join: %v", code)
	}
	w.wantGroups(users["nobody"].Token, 1, 0) // to join answers the invitation, too
}

// In open mode all may add, except those who are blocked. A user who left by themselves
// is only invited. A user who was removed is added again.
func TestWhoLeftIsNotAddedAgainWithoutAccepting(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	g := w.createGroup(alice.Token, proto.CreateGroup{Members: []int64{bob.User}})
	leave := func() {
		t.Helper()
		if code := w.post(proto.PathGroupLeave, bob.Token, proto.LeaveGroup{Group: g}, nil); code != proto.OK {
			t.Fatalf("leave: %v", code)
		}
	}
	remove := func() {
		t.Helper()
		if code := w.post(proto.PathGroupRemove, alice.Token, proto.RemoveMember{Group: g, User: bob.User}, nil); code != proto.OK {
			t.Fatalf("remove: %v", code)
		}
	}
	leave()
	w.add(alice.Token, g, bob.User, true, proto.OK)
	w.wantGroups(bob.Token, 0, 1)
	if code := w.post(proto.PathGroupAccept, bob.Token, proto.JoinGroup{Group: g}, nil); code != proto.OK {
		t.Errorf("accept: %v", code)
	}
	w.wantGroups(bob.Token, 1, 0)
	remove()
	w.add(alice.Token, g, bob.User, false, proto.OK)
	w.wantGroups(bob.Token, 1, 0)
	w.consent(bob.Token, proto.Consent{Add: proto.ByContacts})
	remove()
	w.add(alice.Token, g, bob.User, true, proto.OK) // an invitation takes the removal back
	if code := w.post(proto.PathGroupJoin, bob.Token, proto.JoinGroup{Group: g}, nil); code != proto.Removed {
		t.Errorf("join: %v", code)
	}
	if code := w.post(proto.PathGroupAccept, bob.Token, proto.JoinGroup{Group: g}, nil); code != proto.OK {
		t.Errorf("accept: %v", code)
	}
	w.wantGroups(bob.Token, 1, 0)
	leave()
	w.change(proto.PathBlock, bob.Token, alice.User, proto.OK)
	w.add(alice.Token, g, bob.User, false, proto.Blocked)
	w.wantGroups(bob.Token, 0, 0)
}

// However many groups somebody makes, the groups of others are not filled up, and few
// invitations are kept.
func TestGroupsOfOthersCannotBeFilledUp(t *testing.T) {
	w := closedWorld(t)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i := range 110 {
		if code := w.post(proto.PathGroupCreate, alice.Token, proto.CreateGroup{ID: fmt.Sprint(i), Members: []int64{bob.User}}, nil); code != proto.OK {
			t.Fatalf("create: %v", code)
		}
	}
	w.wantGroups(bob.Token, 0, 100)
	w.createGroup(bob.Token, proto.CreateGroup{})
}

// Ids cannot be walked: they answer those who know their users.
func TestIDIsUnknownToStrangers(t *testing.T) {
	w := closedWorld(t)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	find := func(caller string, user int64, want proto.Code) {
		t.Helper()
		var u proto.User
		if code := w.get(fmt.Sprintf("%s?id=%d", proto.PathUser, user), caller, &u); code != want || (code == proto.OK && u.Name == "") {
			t.Errorf("%v, %+v; want %v", code, u, want)
		}
	}
	find(alice.Token, alice.User, proto.OK)
	find(alice.Token, bob.User, proto.UnknownUser)
	if code := w.get(proto.PathUser+"?name=bob", alice.Token, nil); code != proto.OK {
		t.Errorf("by name: %v", code)
	}
	w.consent(bob.Token, proto.Consent{Find: proto.ByEveryone})
	find(alice.Token, bob.User, proto.OK)
	find(bob.Token, alice.User, proto.UnknownUser)
	w.befriend(alice, bob)
	find(bob.Token, alice.User, proto.OK)
}
