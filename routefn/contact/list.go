package contact

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
)

// kinds has the kinds of relations that may be listed.
var kinds = map[string]func(contacts.Relation) bool{
	proto.RelationContact:  func(r contacts.Relation) bool { return r.State == proto.RelationContact },
	proto.RelationIncoming: func(r contacts.Relation) bool { return r.State == proto.RelationIncoming },
	proto.RelationOutgoing: func(r contacts.Relation) bool { return r.State == proto.RelationOutgoing },
	proto.KindBlocked:      func(r contacts.Relation) bool { return r.Blocked != 0 },
}

// List is GET /v1/contacts. It returns a page of the caller's relations of one kind, by
// ascending id. If the query names no kind, it lists contacts.
func (r *Requests) List(ctx context.Context, caller token.Token, q url.Values) (*proto.ContactsAnswer, error) {
	page, err := check.ParsePage(q)
	if err != nil {
		return nil, err
	}
	is := kinds[cmp.Or(q.Get("kind"), proto.RelationContact)]
	if is == nil {
		return nil, check.Invalid("A kind is contact, incoming, outgoing or blocked.")
	}
	list, err := r.Store.Relations(ctx, caller.User)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x contacts.Relation) bool { return !is(x) })
	answer := &proto.ContactsAnswer{Total: int64(len(list))}
	list = slices.DeleteFunc(list, func(x contacts.Relation) bool { return x.User <= page.After })
	if len(list) > page.Limit {
		list = list[:page.Limit]
		answer.Next = list[page.Limit-1].User
	}
	answer.Contacts, err = r.named(ctx, list)
	return answer, err
}

// named returns relations with the names of the users. A user whose account is gone has no
// name.
func (r *Requests) named(ctx context.Context, list []contacts.Relation) ([]proto.Contact, error) {
	users := make([]int64, len(list))
	for i, x := range list {
		users[i] = x.User
	}
	accounts, errs := r.Store.AccountsByID(ctx, users)
	contacts := make([]proto.Contact, len(list))
	for i, x := range list {
		if err := errs[i]; err != nil && !errors.Is(err, record.ErrNoUser) {
			return nil, err
		}
		contacts[i] = proto.Contact{
			User: x.User, Name: accounts[i].Name, State: x.State, Since: x.Since, Blocked: x.Blocked, Remark: x.Remark, Text: x.Text,
		}
	}
	return contacts, nil
}
