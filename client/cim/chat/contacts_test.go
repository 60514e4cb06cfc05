package chat

import (
	"cmp"
	"context"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// people is a fake of what routes keep about contacts: of bob, who is user 7.
type people struct {
	bob     proto.Contact
	consent client.Consent

	invited []client.Invitation
}

func (p *people) Invitations(context.Context) ([]client.Invitation, error) { return p.invited, nil }
func (p *people) AcceptInvitation(_ context.Context, group int64) error {
	return p.DeclineInvitation(context.Background(), group)
}
func (p *people) DeclineInvitation(_ context.Context, group int64) error {
	if group != 9 {
		return proto.Err(proto.NoInvitation, "")
	}
	p.invited = nil
	return nil
}

func (p *people) ContactsPage(_ context.Context, kind string, _ int64, _ int) (client.ContactsPage, error) {
	if p.bob.State == kind || kind == proto.KindBlocked && p.bob.Blocked != 0 {
		return client.ContactsPage{Contacts: []client.Contact{p.bob}, Total: 1}, nil
	}
	return client.ContactsPage{}, nil
}

func (p *people) RequestContact(_ context.Context, user int64, text string) (string, error) {
	if user != 7 {
		return "", proto.Err(proto.Blocked, "")
	}
	p.bob.State, p.bob.Text = proto.RelationOutgoing, text
	return p.bob.State, nil
}

func (p *people) AcceptContact(context.Context, int64) error {
	if p.bob.State != proto.RelationIncoming {
		return proto.Err(proto.NoContact, "")
	}
	p.bob.State, p.bob.Text = proto.RelationContact, ""
	return nil
}

func (p *people) DeclineContact(context.Context, int64) error { p.bob.State = ""; return nil }
func (p *people) RemoveContact(context.Context, int64) error  { p.bob.State = ""; return nil }
func (p *people) RemarkContact(_ context.Context, _ int64, remark string) error {
	p.bob.Remark = remark
	return nil
}
func (p *people) Block(context.Context, int64) error   { p.bob.Blocked = 1; return nil }
func (p *people) Unblock(context.Context, int64) error { p.bob.Blocked = 0; return nil }

func (p *people) Consent(context.Context) (client.Consent, error) { return p.consent, nil }
func (p *people) SetConsent(_ context.Context, in client.Consent) (client.Consent, error) {
	if in.Write == proto.ByNobody {
		return client.Consent{}, proto.Err(proto.Invalid, "")
	}
	p.consent = client.Consent{Write: cmp.Or(in.Write, p.consent.Write), Add: cmp.Or(in.Add, p.consent.Add), Find: cmp.Or(in.Find, p.consent.Find)}
	return p.consent, nil
}

func TestContactsInTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.people = people{bob: proto.Contact{User: 7, Name: "bob"}, consent: client.Consent{Write: proto.ByEveryone, Add: proto.ByContacts, Find: proto.ByContacts}}
		got, err := run(t, f, nil, func(ty typist) {
			for _, line := range []string{
				":contacts", ":contact bob;;it is alice", ":contacts out", ":contact 8", ":contact", ":accept bob",
				":decline bob", ":contacts out", ":contacts all",
			} {
				ty.types(line)
			}
			synctest.Wait()
			f.invited = []client.Invitation{{Group: 9, Name: "friends", By: 7, ByName: "bob"}, {Group: 10, By: 7, ByName: "bob"}}
			f.bob.State, f.bob.Text = proto.RelationIncoming, "hi\x1b[2J"
			for _, line := range []string{
				":contacts in", ":accept bob", ":remark bob;;Bobby", ":contacts", ":block bob", ":contacts blocked",
				":unblock 7", ":contacts blocked", ":forget bob", ":contacts", ":block gary",
				":allow", ":allow write contacts", ":allow write nobody", ":allow add nobody", ":allow find everyone", ":allow add", ":allow read",
				":invited", ":invited accept 8", ":invited accept", ":invited accept g9", ":invited", ":add g9;;44",
			} {
				ty.types(line)
			}
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "contacts.txt", got)
	})
}
