package routefn

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
)

func withPasswords(c *Config) { c.Auth = AuthPassword }

func TestRegisteringAgainNeedsTheSamePassword(t *testing.T) {
	w := newWorld(t, withPasswords)
	var first, second proto.RegisterAnswer
	q := proto.RegisterRequest{Name: "alice", Password: "correct horse"}
	for _, answer := range []*proto.RegisterAnswer{&first, &second} {
		if code := w.post(proto.PathRegister, "", q, answer); code != proto.OK {
			t.Fatal(code)
		}
	}
	if first != second || first.Name != "alice" || first.User <= 0 || first.User > proto.MaxUser {
		t.Fatalf("registered %+v, then %+v", first, second)
	}
	q.Password = "battery staple"
	if code := w.post(proto.PathRegister, "", q, nil); code != proto.NameTaken {
		t.Fatalf("another password: %v, want name-taken", code)
	}
}

func TestBadNamesAndPasswordsAreRefused(t *testing.T) {
	w := newWorld(t, withPasswords)
	for _, q := range []proto.RegisterRequest{
		{Name: "", Password: "x"}, {Name: " alice", Password: "x"}, {Name: "alice\t", Password: "x"}, {Name: "al\x00ice", Password: "x"},
		{Name: strings.Repeat("ä", 65), Password: "x"}, {Name: "alice"}, {Name: "alice", Password: strings.Repeat("x", 257)},
	} {
		if code := w.post(proto.PathRegister, "", q, nil); code != proto.Invalid {
			t.Errorf("%q: %v, want invalid", q.Name, code)
		}
	}
	if code := w.post(proto.PathRegister, "", proto.RegisterRequest{Name: strings.Repeat("ä", 64), Password: "x"}, nil); code != proto.OK {
		t.Errorf("64 characters of two bytes: %v", code)
	}
}

func TestWrongPasswordAndUnknownNameLookTheSame(t *testing.T) {
	w := newWorld(t, withPasswords)
	var alice proto.RegisterAnswer
	w.post(proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "secret"}, &alice)
	good := proto.LoginRequest{Name: "alice", Password: "secret", Device: "phone"}
	w.login(good)
	w.login(proto.LoginRequest{User: alice.User, Password: "secret", Device: "phone"})
	for name, q := range map[string]proto.LoginRequest{
		"wrong password":  {Name: "alice", Password: "Secret", Device: "phone"},
		"no password":     {Name: "alice", Device: "phone"},
		"unknown name":    {Name: "bob", Password: "secret", Device: "phone"},
		"unknown id":      {User: 4711, Password: "secret", Device: "phone"},
		"another's id":    {User: alice.User, Name: "bob", Password: "secret", Device: "phone"},
		"id out of range": {User: -1, Password: "secret", Device: "phone"},
	} {
		if code := w.post(proto.PathLogin, "", q, nil); code != proto.WrongPassword {
			t.Errorf("%s: %v, want wrong-password", name, code)
		}
	}
}

func TestOpenModeTakesANameForIt(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.register("alice"), w.register("bob")
	for name, c := range map[string]struct {
		q    proto.LoginRequest
		want proto.Code
	}{
		"name":                {proto.LoginRequest{Name: "alice", Device: "phone"}, proto.OK},
		"id":                  {proto.LoginRequest{User: alice, Device: "phone"}, proto.OK},
		"both":                {proto.LoginRequest{User: alice, Name: "alice", Device: "phone"}, proto.OK},
		"id of another":       {proto.LoginRequest{User: bob, Name: "alice", Device: "phone"}, proto.WrongPassword},
		"unknown name":        {proto.LoginRequest{Name: "carol", Device: "phone"}, proto.UnknownUser},
		"nothing":             {proto.LoginRequest{Device: "phone"}, proto.Invalid},
		"no device":           {proto.LoginRequest{Name: "alice"}, proto.Invalid},
		"device in capitals":  {proto.LoginRequest{Name: "alice", Device: "Phone"}, proto.Invalid},
		"device too long":     {proto.LoginRequest{Name: "alice", Device: strings.Repeat("x", 33)}, proto.Invalid},
		"CIM's device":        {proto.LoginRequest{Name: "alice", Device: "cim"}, proto.Invalid},
		"strange repeat":      {proto.LoginRequest{Name: "alice", Device: "phone", Repeat: "never"}, proto.Invalid},
		"17 nodes to avoid":   {proto.LoginRequest{Name: "alice", Device: "phone", Avoid: make([]string, 17)}, proto.Invalid},
		"token of nobody":     {proto.LoginRequest{Token: "AAAA", Device: "phone"}, proto.Unauthorized},
		"password of 257":     {proto.LoginRequest{Name: "alice", Device: "phone", Password: strings.Repeat("x", 257)}, proto.Invalid},
		"name with a newline": {proto.LoginRequest{Name: "al\nice", Device: "phone"}, proto.Invalid},
	} {
		if code := w.post(proto.PathLogin, "", c.q, nil); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
}

func TestTokenSparesThePassword(t *testing.T) {
	w := newWorld(t, withPasswords)
	w.post(proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "secret"}, nil)
	l := w.login(proto.LoginRequest{Name: "alice", Password: "secret", Device: "phone"})
	again := w.login(proto.LoginRequest{Token: l.Token, Device: "phone"})
	if again.User != l.User || again.Name != "alice" || again.Number <= l.Number {
		t.Fatalf("%+v after %+v", again, l)
	}
	flipped := []byte(l.Token)
	flipped[10] ^= 1
	old, err := w.issuer.Token(token.Token{User: l.User, Name: "alice", Device: "phone", Expires: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := w.issuer.Token(token.Token{User: l.User + 1, Name: "bob", Device: "phone", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]proto.LoginRequest{
		"flipped bit":     {Token: string(flipped), Device: "phone"},
		"expired":         {Token: old, Device: "phone"},
		"another device":  {Token: l.Token, Device: "desk"},
		"another name":    {Token: l.Token, Name: "bob", Device: "phone"},
		"account is gone": {Token: gone, Device: "phone"},
	} {
		if code := w.post(proto.PathLogin, "", q, nil); code != proto.Unauthorized {
			t.Errorf("%s: %v, want unauthorized", name, code)
		}
	}
}

func TestLoginNamesANodeAndATicketForIt(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	l := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	m, ok := w.table.Current().Member(l.Node.ID)
	if !ok || m.Client != l.Node.Address || l.PingSeconds != 10 || l.Device != "phone" {
		t.Fatalf("answer %+v", l)
	}
	ticket, err := token.NewVerifier(w.issuer.Public()...).Ticket(l.Ticket)
	if err != nil || ticket.Node != l.Node.ID || ticket.Number != l.Number || ticket.Displaces != token.Any || ticket.Name != "alice" {
		t.Fatalf("ticket %+v, %v", ticket, err)
	}
}

func TestUserComesBackToTheSameNode(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for range 5 {
		if l := w.login(proto.LoginRequest{Name: "alice", Device: "phone"}); l.Node != alice.Node {
			t.Fatalf("sent to %s, was at %s", l.Node.ID, alice.Node.ID)
		}
	}
	if l := w.login(proto.LoginRequest{Name: "alice", Device: "phone", Avoid: []string{alice.Node.ID}}); l.Node == alice.Node {
		t.Fatal("sent back to the node that it could not reach")
	}
}

func TestLoginWithoutAServingNodeTakesNoNumber(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	m := w.table.Current().Members()[0]
	m.State = ring.Draining
	w.table.Set([]ring.Member{m})
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "alice", Device: "phone"}, nil); code != proto.NoNode {
		t.Fatalf("%v, want no-node", code)
	}
}

// If a route and nodes start together, the first login waits for the first node.
func TestLoginWaitsForTheFirstNode(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	members := w.table.Current().Members()
	w.table.Set(nil)
	joining := slices.Clone(members)
	for i := range joining {
		joining[i].State = ring.Joining
	}
	var coming sync.WaitGroup
	coming.Go(func() {
		time.Sleep(100 * time.Millisecond)
		w.table.Set(joining)
		time.Sleep(100 * time.Millisecond)
		w.table.Set(members)
	})
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "alice", Device: "phone"}, nil); code != proto.OK {
		t.Errorf("%v, want a node", code)
	}
	coming.Wait()
	w.table.Set(nil) // later a login is refused at once
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "alice", Device: "phone"}, nil); code != proto.NoNode {
		t.Errorf("%v, want no-node", code)
	}
}
