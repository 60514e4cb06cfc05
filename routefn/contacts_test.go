package routefn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
)

// change posts a change of the caller's relation to another user.
func (w *world) change(path string, caller string, other int64, want proto.Code) {
	w.t.Helper()
	if code := w.post(path, caller, proto.ContactChange{User: other}, nil); code != want {
		w.t.Errorf("%s: %v, want %v", path, code, want)
	}
}

func (w *world) contacts(caller, kind string) (list []string) {
	w.t.Helper()
	for after := int64(0); ; {
		var page proto.ContactsAnswer
		if code := w.get(fmt.Sprintf("%s?kind=%s&limit=1&after=%d", proto.PathContacts, kind, after), caller, &page); code != proto.OK {
			w.t.Fatalf("list %s: %v", kind, code)
		}
		for _, c := range page.Contacts {
			list = append(list, strings.TrimSpace(c.Name+" "+c.Remark+c.Text))
		}
		if after = page.Next; after == 0 {
			return list
		}
	}
}

func (w *world) wantContacts(caller, kind string, want ...string) {
	w.t.Helper()
	if got := w.contacts(caller, kind); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s are %q, want %q", kind, got, want)
	}
}

// A blocked user is refused for good, with a code of its own: over HTTP, over a
// connection, delayed, and as a CIM client, whose person reads why.
func TestBlockedUserIsRefusedEverywhere(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "m0", To: bob.User, Text: "hi"})
	w.due(alice.Token, "late", bob.User, 0)
	w.change(proto.PathBlock, bob.Token, alice.User, proto.OK)
	if code := w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"}, nil); code != proto.Blocked {
		t.Errorf("over HTTP: %v", code)
	}
	item := &proto.SendItem{Session: alice.session, Id: "m2", To: bob.User, Text: "hi"}
	var answer proto.SendAnswer
	w.node(proto.PathNodeSend, &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{item}}, &answer)
	if code := proto.Code(answer.Items[0].Code); code != proto.Blocked {
		t.Errorf("over a connection: %v", code)
	}
	for len(w.scheduled(alice.Token, "").Messages) > 0 {
		w.fire()
	}
	if list := w.scheduled(alice.Token, ""); len(list.Dropped) != 1 || list.Dropped[0].Code != proto.Blocked {
		t.Errorf("dropped are %+v", list.Dropped)
	}
	if n := testutil.ToFloat64(w.route.metrics.DelayedDropped.WithLabelValues("blocked")); n != 1 {
		t.Errorf("%v are counted", n)
	}
	w.wantInbox(bob.Token, "m0")
	w.wantContacts(bob.Token, "blocked", "alice")
	w.change(proto.PathUnblock, bob.Token, alice.User, proto.OK)
	w.wantContacts(bob.Token, "blocked")
	w.send(alice.Token, proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"})
	w.wantInbox(bob.Token, "m0", "m1")
}

func TestCIMClientReadsThatItIsBlocked(t *testing.T) {
	w := newWorld(t, nil)
	bob := w.connect("bob", "phone")
	n := w.nodes["n1"]
	alice, _ := w.connectCIM("alice", n)
	w.change(proto.PathBlock, bob.Token, alice, proto.OK)
	w.call("POST", "/p2pRoute", "", "application/json", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi"}`, alice, bob.User))
	if list := w.notices(n); len(list) != 1 || !strings.Contains(list[0].Notice, proto.Blocked.Text()) {
		t.Errorf("alice reads %v", list)
	}
}

func TestContactIsRequestedAndAccepted(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	ask := func(caller string, other int64, state string, want proto.Code) {
		t.Helper()
		var out proto.RequestedContact
		if code := w.post(proto.PathContactRequest, caller, proto.RequestContact{User: other, Text: "it is me"}, &out); code != want || out.State != state {
			t.Errorf("request: %v, %q; want %v, %q", code, out.State, want, state)
		}
	}
	w.change(proto.PathContactAccept, bob.Token, alice.User, proto.NoContact)
	ask(alice.Token, alice.User, "", proto.Invalid)
	ask(alice.Token, 12345, "", proto.UnknownUser)
	for range 2 {
		ask(alice.Token, bob.User, proto.RelationOutgoing, proto.OK)
	}
	w.wantContacts(alice.Token, "outgoing", "bob")
	w.wantContacts(bob.Token, "incoming", "alice it is me")
	w.change(proto.PathContactAccept, alice.Token, bob.User, proto.NoContact) // one cannot accept for the other
	w.change(proto.PathContactDecline, bob.Token, alice.User, proto.OK)
	w.wantContacts(alice.Token, "outgoing")
	w.change(proto.PathContactAccept, bob.Token, alice.User, proto.NoContact)
	ask(alice.Token, bob.User, proto.RelationOutgoing, proto.OK)
	for range 2 {
		w.change(proto.PathContactAccept, bob.Token, alice.User, proto.OK)
	}
	w.wantContacts(alice.Token, "contact", "bob")
	w.wantContacts(bob.Token, "contact", "alice")
	ask(alice.Token, bob.User, proto.RelationContact, proto.OK)
	if code := w.post(proto.PathContactRemark, bob.Token, proto.RemarkContact{User: alice.User, Remark: "Al"}, nil); code != proto.OK {
		t.Errorf("remark: %v", code)
	}
	w.wantContacts(bob.Token, "contact", "alice Al")
	w.wantContacts(alice.Token, "contact", "bob")
	w.change(proto.PathContactDecline, bob.Token, alice.User, proto.OK) // a contact stays one
	w.wantContacts(alice.Token, "contact", "bob")
	w.change(proto.PathContactRemove, alice.Token, bob.User, proto.OK)
	w.wantContacts(alice.Token, "contact")
	w.wantContacts(bob.Token, "contact")
	if code := w.post(proto.PathContactRemark, bob.Token, proto.RemarkContact{User: alice.User, Remark: "Al"}, nil); code != proto.NoContact {
		t.Errorf("remark for no contact: %v", code)
	}
	ask(alice.Token, bob.User, proto.RelationOutgoing, proto.OK)
	ask(bob.Token, alice.User, proto.RelationContact, proto.OK) // both ask
	w.wantContacts(alice.Token, "contact", "bob")
	w.change(proto.PathContactRemove, alice.Token, bob.User, proto.OK)
	ask(alice.Token, bob.User, proto.RelationOutgoing, proto.OK)
	w.change(proto.PathBlock, bob.Token, alice.User, proto.OK)
	w.wantContacts(bob.Token, "incoming")
	ask(alice.Token, bob.User, "", proto.Blocked)
	w.wantContacts(alice.Token, "outgoing")
	w.wantContacts(bob.Token, "incoming")
}

// Only contacts write to a user who takes messages from contacts only.
func TestConsentToWrite(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	var c proto.Consent
	if code := w.get(proto.PathConsent, bob.Token, &c); code != proto.OK || c.Write != proto.ByEveryone {
		t.Errorf("consent is %+v, %v", c, code)
	}
	for _, wrong := range []string{proto.ByNobody, "all"} {
		if code := w.post(proto.PathConsent, bob.Token, proto.Consent{Write: wrong}, nil); code != proto.Invalid {
			t.Errorf("%s: %v", wrong, code)
		}
	}
	if code := w.post(proto.PathConsent, bob.Token, proto.Consent{Write: proto.ByContacts}, &c); code != proto.OK || c.Write != proto.ByContacts {
		t.Errorf("consent is %+v, %v", c, code)
	}
	m := proto.SendMessage{ID: "m", To: bob.User, Text: "hi"}
	if code := w.post(proto.PathSend, alice.Token, m, nil); code != proto.ContactsOnly {
		t.Errorf("a stranger: %v", code)
	}
	if code := w.post(proto.PathContactRequest, alice.Token, proto.RequestContact{User: bob.User}, nil); code != proto.OK {
		t.Errorf("request: %v", code)
	}
	w.change(proto.PathContactAccept, bob.Token, alice.User, proto.OK)
	w.send(alice.Token, m)
	w.wantInbox(bob.Token, "m")
}
