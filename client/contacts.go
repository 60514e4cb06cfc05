package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/cim-go/cim/proto"
)

// Contact is a relation of the user to another user.
type Contact = proto.Contact

// ContactsPage is one page of relations, by ascending id.
type ContactsPage = proto.ContactsAnswer

// Consent says who may write to the user, add them to groups, and find them.
type Consent = proto.Consent

// RequestContact asks another user to be a contact, with a line of text that may be empty.
// It returns the new state, which is proto.RelationContact if the other user asked before,
// or proto.RelationOutgoing. Asking again changes nothing. If the other user has blocked
// this one, the error has the code proto.Blocked.
func (c *Client) RequestContact(ctx context.Context, user int64, text string) (state string, err error) {
	var out proto.RequestedContact
	in := proto.RequestContact{User: user, Text: text}
	if err := c.account.call(ctx, http.MethodPost, proto.PathContactRequest, in, &out); err != nil {
		return "", fmt.Errorf("ask %d to be a contact: %w", user, err)
	}
	return out.State, nil
}

// AcceptContact accepts the request of another user. If that request does not exist any
// more, the error has the code proto.NoContact.
func (c *Client) AcceptContact(ctx context.Context, user int64) error {
	return c.changeContact(ctx, proto.PathContactAccept, "accept contact", user)
}

// DeclineContact ends the request of another user, or the user's own request to the other.
// If the two are contacts already, nothing changes.
func (c *Client) DeclineContact(ctx context.Context, user int64) error {
	return c.changeContact(ctx, proto.PathContactDecline, "decline contact", user)
}

// RemoveContact ends a contact or a contact request, for both users.
func (c *Client) RemoveContact(ctx context.Context, user int64) error {
	return c.changeContact(ctx, proto.PathContactRemove, "remove contact", user)
}

// Block makes the routes refuse all later messages from another user to this one, with the
// code proto.Blocked. It also ends contact requests between the two.
func (c *Client) Block(ctx context.Context, user int64) error {
	return c.changeContact(ctx, proto.PathBlock, "block", user)
}

// Unblock ends what Block has begun.
func (c *Client) Unblock(ctx context.Context, user int64) error {
	return c.changeContact(ctx, proto.PathUnblock, "unblock", user)
}

func (c *Client) changeContact(ctx context.Context, path, what string, user int64) error {
	var out proto.ContactChanged
	if err := c.account.call(ctx, http.MethodPost, path, proto.ContactChange{User: user}, &out); err != nil {
		return fmt.Errorf("%s %d: %w", what, user, err)
	}
	return nil
}

// RemarkContact gives a contact a name that only this user sees. An empty text removes
// that name. If the other user is no contact, the error has the code proto.NoContact.
func (c *Client) RemarkContact(ctx context.Context, user int64, remark string) error {
	var out proto.ContactChanged
	in := proto.RemarkContact{User: user, Remark: remark}
	if err := c.account.call(ctx, http.MethodPost, proto.PathContactRemark, in, &out); err != nil {
		return fmt.Errorf("name contact %d: %w", user, err)
	}
	return nil
}

// Contacts returns relations by ascending id. The kind is proto.RelationContact,
// proto.RelationIncoming, proto.RelationOutgoing or proto.KindBlocked. It reads the next
// page from the route whenever the iteration needs it. An error ends the iteration.
func (c *Client) Contacts(ctx context.Context, kind string) iter.Seq2[Contact, error] {
	return pages(func(after int64) ([]Contact, int64, error) {
		page, err := c.ContactsPage(ctx, kind, after, 0)
		return page.Contacts, page.Next, err
	})
}

// ContactsPage returns at most limit relations of one kind, to users with ids above the
// parameter after. If limit is zero, the route chooses it.
func (c *Client) ContactsPage(ctx context.Context, kind string, after int64, limit int) (ContactsPage, error) {
	q := url.Values{"kind": {kind}}
	setPage(q, after, limit)
	var page ContactsPage
	if err := c.account.call(ctx, http.MethodGet, proto.PathContacts+"?"+q.Encode(), nil, &page); err != nil {
		return ContactsPage{}, fmt.Errorf("list contacts: %w", err)
	}
	return page, nil
}

// Consent returns who may write to the user, add them to groups, and find them.
func (c *Client) Consent(ctx context.Context) (Consent, error) {
	var out Consent
	if err := c.account.call(ctx, http.MethodGet, proto.PathConsent, nil, &out); err != nil {
		return Consent{}, fmt.Errorf("look up consent: %w", err)
	}
	return out, nil
}

// SetConsent changes who may write to the user, add them to groups, and find them. Empty
// fields change nothing. It returns the resulting Consent.
func (c *Client) SetConsent(ctx context.Context, in Consent) (Consent, error) {
	var out Consent
	if err := c.account.call(ctx, http.MethodPost, proto.PathConsent, in, &out); err != nil {
		return Consent{}, fmt.Errorf("set consent: %w", err)
	}
	return out, nil
}
