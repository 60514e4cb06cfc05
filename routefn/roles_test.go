package routefn

import (
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

func TestRoleDecidesAboutEveryone(t *testing.T) {
	w := newStoredWorld(t, record.Config{Rules: role.Safe()}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	if err := w.route.cfg.Store.SetSystemRole(t.Context(), alice.User, role.Operator); err != nil {
		t.Fatal(err)
	}
	try := func(token string, want proto.Code) {
		t.Helper()
		id := "hi-" + want.String()
		if code := w.post(proto.PathSend, token, proto.SendMessage{ID: id, Group: proto.Everyone, Text: "hi"}, nil); code != want {
			t.Errorf("send: %v", code)
		}
		if code := w.post(proto.PathSchedule, token, proto.ScheduleMessage{ID: "later", Group: proto.Everyone, Text: "hi", After: 60_000}, nil); code != want {
			t.Errorf("schedule: %v", code)
		}
		if code := w.get(proto.PathOnline, token, nil); code != want {
			t.Errorf("online: %v", code)
		}
		var has proto.RoleAnswer
		if code := w.get(proto.PathRole, token, &has); code != proto.OK || has.Everyone != (want == proto.OK) {
			t.Errorf("role: %v, %+v", code, has)
		}
	}
	try(alice.Token, proto.OK)
	try(bob.Token, proto.Forbidden)
	give := func(token, role string, want proto.Code) {
		t.Helper()
		if code := w.post(proto.PathRole, token, proto.GiveRole{User: bob.User, Role: role}, nil); code != want {
			t.Errorf("%s: %v", role, code)
		}
	}
	give(bob.Token, proto.RoleOperator, proto.Forbidden)
	give(alice.Token, "king", proto.Invalid)
	give(alice.Token, proto.RoleModerator, proto.OK)
	try(bob.Token, proto.OK)
	give(bob.Token, proto.RoleOperator, proto.Forbidden)
	give(alice.Token, proto.RoleUser, proto.OK)
	if code := w.post(proto.PathRole, alice.Token, proto.GiveRole{User: 4711, Role: proto.RoleUser}, nil); code != proto.UnknownUser {
		t.Errorf("a role for nobody: %v", code)
	}
}

func TestTokenOfAnotherSystemGivesARole(t *testing.T) {
	w := newForeignWorld(t)
	login := func(role string) string {
		t.Helper()
		token, err := w.signer.Sign(jwt.Claims{
			Issuer: foreignIssuer, Audience: foreignAudience, Subject: "alice", Issued: time.Now(), Expires: time.Now().Add(time.Minute), Role: role,
		})
		if err != nil {
			t.Fatal(err)
		}
		session := w.login(proto.LoginRequest{JWT: token, Device: "phone"})
		var has proto.RoleAnswer
		if code := w.get(proto.PathRole, session.Token, &has); code != proto.OK {
			t.Fatalf("role: %v", code)
		}
		return has.Role
	}
	for _, step := range [][2]string{{"", "user"}, {"moderator", "moderator"}, {"", "moderator"}, {"user", "user"}} {
		if got := login(step[0]); got != step[1] {
			t.Errorf("with the role %q in the token: %s", step[0], got)
		}
	}
}
