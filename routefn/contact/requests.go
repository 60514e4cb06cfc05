package contact

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Requests has the requests of clients about contacts. All fields are required. It is safe
// for concurrent use.
type Requests struct {
	Store *record.Store
}

const maxRemark = 64 // characters

// begin checks the other user's id, and charges the caller for the change.
func (r *Requests) begin(ctx context.Context, caller token.Token, other int64) error {
	if !check.ValidUser(other) {
		return check.Invalid("The user is not a user id.")
	}
	if other == caller.User {
		return check.Invalid("That is you yourself.")
	}
	return r.Store.Charge(ctx, record.MessageBudget, 1)
}

// line checks a text that is shown in one line.
func line(text string, longest int) error {
	if len(text) > longest || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return check.Invalid("The text is too long, or has control characters.")
	}
	return nil
}

// Request is POST /v1/contacts/request. It asks another user to be a contact.
func (r *Requests) Request(ctx context.Context, caller token.Token, q proto.RequestContact) (proto.RequestedContact, error) {
	if err := line(q.Text, proto.MaxContactText); err != nil {
		return proto.RequestedContact{}, err
	}
	if err := r.begin(ctx, caller, q.User); err != nil {
		return proto.RequestedContact{}, err
	}
	if _, err := r.Store.AccountByID(ctx, q.User); err != nil {
		return proto.RequestedContact{}, err
	}
	state, err := r.Store.AskContact(ctx, caller.User, q.User, q.Text)
	return proto.RequestedContact{State: state}, err
}

// change runs one change of the caller's relation to another user. It works even if that
// user's account is gone, so that the caller can remove a relation that is left.
func (r *Requests) change(ctx context.Context, caller token.Token, other int64, do func(ctx context.Context, user, other int64) error) (proto.ContactChanged, error) {
	if err := r.begin(ctx, caller, other); err != nil {
		return proto.ContactChanged{}, err
	}
	return proto.ContactChanged{}, do(ctx, caller.User, other)
}

// Accept is POST /v1/contacts/accept. It accepts the request of another user.
func (r *Requests) Accept(ctx context.Context, caller token.Token, q proto.ContactChange) (proto.ContactChanged, error) {
	return r.change(ctx, caller, q.User, r.Store.AcceptContact)
}

// Decline is POST /v1/contacts/decline. It ends the request of another user to the
// caller, or the caller's own request. If the two are contacts already, nothing
// changes.
func (r *Requests) Decline(ctx context.Context, caller token.Token, q proto.ContactChange) (proto.ContactChanged, error) {
	return r.change(ctx, caller, q.User, r.Store.DeclineContact)
}

// Remove is POST /v1/contacts/remove. It ends a contact or a request, for both users.
func (r *Requests) Remove(ctx context.Context, caller token.Token, q proto.ContactChange) (proto.ContactChanged, error) {
	return r.change(ctx, caller, q.User, r.Store.EndContact)
}

// Remark is POST /v1/contacts/remark. It gives a contact a name that only the caller sees.
func (r *Requests) Remark(ctx context.Context, caller token.Token, q proto.RemarkContact) (proto.ContactChanged, error) {
	if err := line(q.Remark, 4*maxRemark); err != nil {
		return proto.ContactChanged{}, err
	}
	if utf8.RuneCountInString(q.Remark) > maxRemark {
		return proto.ContactChanged{}, check.Invalid("A remark has at most 64 characters.")
	}
	return r.change(ctx, caller, q.User, func(ctx context.Context, user, other int64) error {
		return r.Store.RemarkContact(ctx, user, other, q.Remark)
	})
}

// Block is POST /v1/contacts/block. From then on the blocked user cannot write to the
// caller, become a contact of the caller, or add the caller to groups.
func (r *Requests) Block(ctx context.Context, caller token.Token, q proto.ContactChange) (proto.ContactChanged, error) {
	return r.change(ctx, caller, q.User, func(ctx context.Context, user, other int64) error {
		if _, err := r.Store.AccountByID(ctx, other); err != nil {
			return err
		}
		return r.Store.Block(ctx, user, other)
	})
}

// Unblock is POST /v1/contacts/unblock.
func (r *Requests) Unblock(ctx context.Context, caller token.Token, q proto.ContactChange) (proto.ContactChanged, error) {
	return r.change(ctx, caller, q.User, r.Store.Unblock)
}
