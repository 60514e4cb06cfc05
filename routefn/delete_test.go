package routefn

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/queue"
)

// journal has what is written to it.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// count returns how often a text was written.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// hurry makes the job that erases an account due now.
func (w *world) hurry(user int64) {
	w.t.Helper()
	w.redisDo("ZADD", queue.ShardOf(user).Key(string(queue.Erasures)+":due"), "1", id(user))
}

func TestDeletedAccountIsRefusedAtOnceAndThenGone(t *testing.T) {
	var written journal
	w := newWorld(t, func(c *Config) { withPasswords(c); c.Audit = audit.New(slog.NewJSONHandler(&written, nil)) })
	other := w.another()
	phone, desk, bob := w.member("alice", "phone"), w.member("alice", "desk"), w.member("bob", "phone")
	var made proto.CreatedGroup
	if code := w.post(proto.PathGroupCreate, desk.Token, proto.CreateGroup{ID: "1", Name: "friends", Members: []int64{bob.User}}, &made); code != proto.OK {
		t.Fatal(code)
	}
	desktop := w.member("bob", "desk") // its node enters the group
	for password, want := range map[string]proto.Code{"": proto.WrongPassword, nextPassword: proto.WrongPassword} {
		if code := w.post(proto.PathAccountDelete, desk.Token, proto.DeleteAccount{Password: password}, nil); code != want {
			t.Errorf("with the password %q: %v", password, code)
		}
	}
	for range 2 { // the answer to the first try was lost
		if code := w.post(proto.PathAccountDelete, desk.Token, proto.DeleteAccount{Password: firstPassword}, nil); code != proto.OK {
			t.Fatal(code)
		}
	}
	w.flush()
	if kicks := phone.node.kicks(); !slices.ContainsFunc(kicks, func(k *proto.Kick) bool {
		return k.Number == phone.Number && proto.Code(k.Code) == proto.SessionEnded
	}) {
		t.Errorf("kicked are %v", kicks)
	}
	again := proto.RegisterRequest{Name: "alice", Password: nextPassword}
	refused := func() {
		t.Helper()
		for what, code := range map[string]proto.Code{
			"pull":    other.post(proto.PathPull, phone.Token, proto.PullMessages{}, nil),
			"groups":  other.get(proto.PathGroups, phone.Token, nil),
			"refresh": other.post(proto.PathRefresh, "", proto.RefreshRequest{Refresh: phone.Refresh}, nil),
			"login":   other.post(proto.PathLogin, "", proto.LoginRequest{Token: phone.Token, Device: "phone"}, nil),
		} {
			if code != proto.Unauthorized {
				t.Errorf("%s: %v", what, code)
			}
		}
		if code := other.post(proto.PathSend, bob.Token, proto.SendMessage{ID: "late", To: desk.User, Text: "hi"}, nil); code != proto.UnknownUser {
			t.Errorf("message of bob: %v", code)
		}
		q := proto.LoginRequest{Name: "alice", Password: firstPassword, Device: "phone"}
		if code := other.post(proto.PathLogin, "", q, nil); code != proto.WrongPassword {
			t.Errorf("login by the password: %v", code)
		}
	}
	refused()
	if code := other.post(proto.PathRegister, "", again, nil); code != proto.NameTaken {
		t.Errorf("registering the name: %v", code)
	}
	w.hurry(desk.User)
	w.fire()
	refused()
	var members proto.GroupMembersAnswer
	if code := w.get(proto.PathGroupMembers+"?group="+id(made.Group), bob.Token, &members); code != proto.OK || len(members.Users) != 1 {
		t.Errorf("members are %+v, %v", members, code)
	}
	if items := desktop.node.items(); !slices.ContainsFunc(items, func(i *proto.PushItem) bool {
		e, err := i.Stored.Message()
		return err == nil && e.Kind == proto.Kind_LEAVE && e.FromName == "alice"
	}) {
		t.Error("bob is not told that alice has left")
	}
	var answer proto.RegisterAnswer
	if code := other.post(proto.PathRegister, "", again, &answer); code != proto.OK || answer.User == desk.User {
		t.Errorf("registering the name after the end: %+v, %v", answer, code)
	}
	wait.Until(t, "the audit log has the requests and the end", func() bool {
		return written.count(`"account delete refused"`) == 2 && written.count(`"account delete"`) == 2 && written.count(`"account deleted"`) == 1
	})
	if written.count(firstPassword) != 0 {
		t.Error("the audit log has the password")
	}
}

func TestNobodyDeletesAnAccountAfterLogout(t *testing.T) {
	w := newWorld(t, nil)
	phone := w.connect("alice", "phone")
	if code := w.post(proto.PathLogout, phone.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	for _, bearer := range []string{phone.Token, phone.Access, ""} {
		if code := w.post(proto.PathAccountDelete, bearer, proto.DeleteAccount{}, nil); code != proto.Unauthorized {
			t.Errorf("delete: %v", code)
		}
	}
	if again := w.login(proto.LoginRequest{Name: "alice", Device: "phone"}); again.User != phone.User {
		t.Errorf("alice is user %d now", again.User)
	}
}

// In open mode a token and a connection make an account again that the store has lost. They
// do not make a deleted one again.
func TestDeletedAccountIsNotRestored(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	if code := w.post(proto.PathAccountDelete, alice.Token, proto.DeleteAccount{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	for range 2 {
		for _, q := range []proto.LoginRequest{
			{Name: "alice", User: alice.User, Device: "phone"}, {Name: "alice", Device: "phone"}, {Token: alice.Token, Device: "phone"},
		} {
			if code := w.post(proto.PathLogin, "", q, nil); code != proto.UnknownUser && code != proto.Unauthorized {
				t.Errorf("login by %+v: %v", q, code)
			}
		}
		o := &proto.Opening{Session: alice.session}
		if opened := w.report(alice.node, o)[0]; opened.Code == 0 {
			t.Errorf("opening: %v", opened)
		}
		w.hurry(alice.User)
		w.fire()
	}
	var found proto.User
	if code := w.get(proto.PathUser+"?id="+id(alice.User), bob.Token, &found); code != proto.UnknownUser {
		t.Errorf("found %+v, %v", found, code)
	}
}

// The users of another system show a token of that system once more.
func TestForeignAccountIsDeletedByAnotherToken(t *testing.T) {
	w := newForeignWorld(t)
	alice := w.login(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"})
	w.login(proto.LoginRequest{JWT: w.of("bob"), Device: "phone"})
	for shown, want := range map[string]proto.Code{
		"": proto.WrongPassword, "nonsense": proto.WrongPassword, w.of("bob"): proto.WrongPassword, w.of("carol"): proto.WrongPassword,
	} {
		if code := w.post(proto.PathAccountDelete, alice.Token, proto.DeleteAccount{JWT: shown}, nil); code != want {
			t.Errorf("shown %.20s: %v", shown, code)
		}
	}
	if code := w.post(proto.PathAccountDelete, alice.Token, proto.DeleteAccount{JWT: w.of("alice")}, nil); code != proto.OK {
		t.Fatal(code)
	}
	w.refused(proto.LoginRequest{JWT: w.of("alice"), Device: "phone"}, proto.NameTaken)
}
