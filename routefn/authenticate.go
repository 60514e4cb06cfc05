package routefn

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// authenticate returns the account that the login is for, if it shows what the
// mode needs. A pass that it returns is not judged yet.
func (rt *Route) authenticate(ctx context.Context, q proto.LoginRequest) (record.Account, *record.Pass, error) {
	if q.Token != "" {
		return rt.accountOfToken(ctx, q)
	}
	account, err := rt.accountOfSecret(ctx, q)
	return account, nil, err
}

// accountOfSecret returns the account that the login names, if its password matches
// where passwords are asked for.
func (rt *Route) accountOfSecret(ctx context.Context, q proto.LoginRequest) (record.Account, error) {
	if rt.cfg.Auth == AuthOpen {
		return rt.accountAgain(ctx, q.User, q.Name)
	}
	account, err := rt.accountNamed(ctx, q.User, q.Name)
	if err != nil && !isNobody(err) {
		return record.Account{}, err
	}
	// Nobody's password is checked too, at the same cost and with the same answer.
	same, passwordErr := rt.passwords.verify(ctx, account.Credential, q.Password)
	if passwordErr != nil {
		return record.Account{}, passwordErr
	}
	if !same && err != nil {
		return record.Account{}, rt.certainly(proto.Err(proto.WrongPassword, ""))
	}
	if !same {
		return record.Account{}, proto.Err(proto.WrongPassword, "")
	}
	return account, nil
}

// isNobody reports whether err says that there is no such account.
func isNobody(err error) bool {
	return errors.Is(err, record.ErrNoUser) || errors.Is(err, errMismatch)
}

// errMismatch is returned for an id and a name of different accounts.
var errMismatch = proto.Err(proto.WrongPassword, "The id and the name belong to different accounts.")

// accountNamed returns the account with the id, the name, or both; a zero stands
// for either. It returns record.ErrNoUser, errMismatch or the store's error.
func (rt *Route) accountNamed(ctx context.Context, user int64, name string) (record.Account, error) {
	if user == 0 {
		return rt.cfg.Store.AccountByName(ctx, name)
	}
	if !validUser(user) {
		return record.Account{}, record.ErrNoUser
	}
	account, err := rt.cfg.Store.AccountByID(ctx, user)
	if err != nil {
		return record.Account{}, err
	}
	if name != "" && account.Name != name {
		return record.Account{}, errMismatch
	}
	return account, nil
}

// accountOfToken checks the token against its device and, because a token lives
// longer than a store that came back empty, against the account of today. Whether the
// token still counts is judged with the pass, in the step that issues a number.
func (rt *Route) accountOfToken(ctx context.Context, q proto.LoginRequest) (record.Account, *record.Pass, error) {
	t, err := rt.tokenOf(q.Token)
	if err != nil {
		return record.Account{}, nil, err
	}
	if t.Device != q.Device {
		return record.Account{}, nil, proto.Err(proto.Unauthorized, "The token is for another device.")
	}
	if q.User != 0 && q.User != t.User || q.Name != "" && q.Name != t.Name {
		return record.Account{}, nil, proto.Err(proto.Unauthorized, "The token is for another account.")
	}
	account, err := rt.accountAgain(ctx, t.User, t.Name)
	if isNobody(err) {
		return record.Account{}, nil, rt.certainly(proto.Err(proto.Unauthorized, "The account of the token is gone."))
	}
	pass := passOf(t)
	return account, &pass, err
}
