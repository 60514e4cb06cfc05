package routefn

import (
	"errors"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
)

const firstPassword, nextPassword = "the first one", "the next one"

// member registers with firstPassword and connects a device.
func (w *world) member(name, device string) connection {
	w.t.Helper()
	q := proto.RegisterRequest{Name: name, Password: firstPassword}
	if code := w.post(proto.PathRegister, "", q, nil); code != proto.OK {
		w.t.Fatalf("register %s: %v", name, code)
	}
	l := w.login(proto.LoginRequest{Name: name, Password: firstPassword, Device: device})
	o, n := w.opening(l), w.nodes[l.Node.ID]
	opened := w.report(n, o)[0]
	if opened.Code != 0 {
		w.t.Fatalf("open %s: %v", name, opened)
	}
	return connection{LoginAnswer: l, session: o.Session, node: n, opened: opened}
}

func TestNewPasswordEndsOtherSessions(t *testing.T) {
	w := newWorld(t, withPasswords)
	other := w.another()
	phone, desk := w.member("alice", "phone"), w.member("alice", "desk")
	change := proto.ChangePassword{Old: firstPassword, New: nextPassword}
	for range 2 { // the answer to the first try was lost
		if code := w.post(proto.PathPassword, desk.Token, change, nil); code != proto.OK {
			t.Fatal(code)
		}
	}
	w.flush()
	if kicks := phone.node.kicks(); len(kicks) != 1 || kicks[0].Number != phone.Number || proto.Code(kicks[0].Code) != proto.SessionEnded {
		t.Errorf("kicked are %v", kicks)
	}
	for bearer, want := range map[string]proto.Code{phone.Token: proto.Unauthorized, desk.Token: proto.OK} {
		if code := other.post(proto.PathPull, bearer, proto.PullMessages{}, nil); code != want {
			t.Errorf("pull: %v, want %v", code, want)
		}
	}
	for password, want := range map[string]proto.Code{firstPassword: proto.WrongPassword, nextPassword: proto.OK} {
		q := proto.LoginRequest{Name: "alice", Password: password, Device: "phone"}
		if code := other.post(proto.PathLogin, "", q, nil); code != want {
			t.Errorf("login with %q: %v, want %v", password, code, want)
		}
	}
}

func TestPasswordThatIsNotChanged(t *testing.T) {
	w := newWorld(t, withPasswords)
	desk, phone := w.member("alice", "desk"), w.member("alice", "phone")
	for name, c := range map[string]struct {
		bearer string
		q      proto.ChangePassword
		want   proto.Code
	}{
		"wrong":    {desk.Token, proto.ChangePassword{Old: "another", New: nextPassword}, proto.WrongPassword},
		"empty":    {desk.Token, proto.ChangePassword{Old: firstPassword}, proto.Invalid},
		"no token": {"", proto.ChangePassword{Old: firstPassword, New: nextPassword}, proto.Unauthorized},
	} {
		if code := w.post(proto.PathPassword, c.bearer, c.q, nil); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	if code := w.post(proto.PathPull, phone.Token, proto.PullMessages{}, nil); code != proto.OK {
		t.Errorf("the other device: %v", code)
	}
	w.login(proto.LoginRequest{Name: "alice", Password: firstPassword, Device: "phone"})
}

func TestPasswordOfAnEndedSession(t *testing.T) {
	w := newWorld(t, withPasswords)
	phone := w.member("alice", "phone")
	if code := w.post(proto.PathLogout, phone.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	q := proto.ChangePassword{Old: firstPassword, New: nextPassword}
	if code := w.post(proto.PathPassword, phone.Token, q, nil); code != proto.Unauthorized {
		t.Errorf("after the logout: %v", code)
	}
	w.login(proto.LoginRequest{Name: "alice", Password: firstPassword, Device: "phone"})
}

// A login that compares the old password before it is changed, and gets its number
// after the sessions have ended, is refused.
func TestLoginThatOverlapsANewPassword(t *testing.T) {
	w := newWorld(t, withPasswords)
	desk := w.member("alice", "desk")
	before, err := w.route.accounts.Authenticate(t.Context(), proto.LoginRequest{Name: "alice", Password: firstPassword, Device: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.route.accounts.Unchanged(t.Context(), before); err != nil {
		t.Errorf("before: %v", err)
	}
	if code := w.post(proto.PathPassword, desk.Token, proto.ChangePassword{Old: firstPassword, New: nextPassword}, nil); code != proto.OK {
		t.Fatal(code)
	}
	if err := w.route.accounts.Unchanged(t.Context(), before); !errors.Is(err, proto.Err(proto.WrongPassword, "")) {
		t.Errorf("after: %v", err)
	}
}

func TestOpenModeHasNoPassword(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	if code := w.post(proto.PathPassword, alice.Token, proto.ChangePassword{Old: "a", New: "b"}, nil); code != proto.Invalid {
		t.Errorf("in open mode: %v", code)
	}
}

// A change that an operator makes in the store counts on all routes at once.
func TestResetByAnOperatorEndsAllSessions(t *testing.T) {
	w := newWorld(t, withPasswords)
	phone := w.member("alice", "phone")
	store := w.dial(limit.Limits{})
	defer store.Close()
	account, err := store.AccountByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetCredential(t.Context(), account, ""); err != nil {
		t.Fatal(err)
	}
	if live, err := store.EndSessions(t.Context(), account.User, record.Revoking{}, nil); err != nil || len(live) != 1 {
		t.Fatalf("ended %v, %v", live, err)
	}
	if code := w.post(proto.PathPull, phone.Token, proto.PullMessages{}, nil); code != proto.Unauthorized {
		t.Errorf("the token: %v", code)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: firstPassword, Device: "phone"}, nil); code != proto.WrongPassword {
		t.Errorf("the old password: %v", code)
	}
}
