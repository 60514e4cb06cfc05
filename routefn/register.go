package routefn

import (
	"context"
	"errors"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// Register serves POST /v1/register: it makes an account, or answers with the one
// that exists if it has the same password.
func (rt *Route) Register(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "register", jsonFormat, func(ctx context.Context) (any, error) {
		var q proto.RegisterRequest
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return rt.register(ctx, q)
	})
}

func (rt *Route) register(ctx context.Context, q proto.RegisterRequest) (proto.RegisterAnswer, error) {
	if err := checkName(q.Name); err != nil {
		return proto.RegisterAnswer{}, err
	}
	account, err := rt.account(ctx, q)
	if err != nil {
		return proto.RegisterAnswer{}, err
	}
	return proto.RegisterAnswer{User: account.User, Name: account.Name}, nil
}

func (rt *Route) account(ctx context.Context, q proto.RegisterRequest) (record.Account, error) {
	if rt.cfg.Auth == AuthOpen {
		account, _, err := rt.cfg.Store.Register(ctx, q.Name, "")
		return account, err
	}
	if q.Password == "" || len(q.Password) > maxPassword {
		return record.Account{}, invalid("A password has 1 to 256 bytes.")
	}
	// Hashing is what costs: an account that exists is compared, and not hashed for.
	account, err := rt.cfg.Store.AccountByName(ctx, q.Name)
	if errors.Is(err, record.ErrNoUser) {
		return rt.newAccount(ctx, q)
	}
	if err != nil {
		return record.Account{}, err
	}
	return rt.sameAccount(ctx, account, q.Password)
}

func (rt *Route) newAccount(ctx context.Context, q proto.RegisterRequest) (record.Account, error) {
	credential, err := rt.passwords.hash(ctx, q.Password)
	if err != nil {
		return record.Account{}, err
	}
	account, created, err := rt.cfg.Store.Register(ctx, q.Name, credential)
	if err != nil || created {
		return account, err
	}
	return rt.sameAccount(ctx, account, q.Password) // somebody was faster, perhaps the same caller
}

// sameAccount returns the account if the password is its own.
func (rt *Route) sameAccount(ctx context.Context, account record.Account, password string) (record.Account, error) {
	same, err := rt.passwords.verify(ctx, account.Credential, password)
	if err != nil {
		return record.Account{}, err
	}
	if !same {
		return record.Account{}, proto.Err(proto.NameTaken, "")
	}
	return account, nil
}
