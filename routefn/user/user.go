package user

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// User is GET /v1/user. It returns the account with the id or the name. If the caller may
// not find the user by the id, the answer is the same as for an unknown id.
func (u *Requests) User(ctx context.Context, caller token.Token, q url.Values) (proto.User, error) {
	id, name := q.Get("id"), q.Get("name")
	if (id == "") == (name == "") {
		return proto.User{}, check.Invalid("Ask for an id or for a name.")
	}
	var user int64
	if id != "" {
		n, err := proto.ParseNumber(id)
		if err != nil || !check.ValidUser(n) {
			return proto.User{}, check.Invalid("The id is not a user id.")
		}
		user = n
	} else if err := check.Name(name); err != nil {
		return proto.User{}, err
	}
	if user != 0 {
		found, err := u.cfg.Store.MayFind(ctx, caller.User, user)
		if err == nil && !found {
			err = record.ErrNoUser
		}
		if err != nil {
			return proto.User{}, err
		}
	}
	account, err := u.cfg.Accounts.Named(ctx, user, name)
	return proto.User{User: account.User, Name: account.Name}, err
}
