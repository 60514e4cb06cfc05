package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// idTries bounds the search for a free id of a user or a group.
const idTries = 100

// Register makes an account. If the name has an account already, Register returns that
// account and no error, and the result created is false. The caller then compares
// credentials. Register first reserves an id, so that no two names share one. Then it
// sets the name's key, which commits the account. While an account of the name is being
// erased, the error is ErrNameTaken.
func (s *Accounts) Register(ctx context.Context, name, credential string) (acc Account, created bool, err error) {
	acc, err = s.AccountByName(ctx, name)
	if errors.Is(err, ErrErased) {
		return Account{}, false, fmt.Errorf("register %q: %w: it is being deleted", name, ErrNameTaken)
	}
	if !errors.Is(err, ErrNoUser) {
		return acc, false, err
	}
	start, err := s.logs.Begin(ctx)
	if err != nil {
		return Account{}, false, fmt.Errorf("register %q: %w", name, err)
	}
	user, err := s.reserveID(ctx, name)
	if err != nil {
		return Account{}, false, fmt.Errorf("register %q: %w", name, err)
	}
	acc, err = s.claimName(ctx, Account{User: user, Name: name, Credential: credential}, false)
	if err != nil {
		return Account{}, false, fmt.Errorf("register %q: %w", name, err)
	}
	if acc.User == user {
		s.logs.KeepStart(ctx, user, start)
	}
	return acc, acc.User == user, nil
}

// Adopt makes an account with a given id and name. The account existed in CIM, or it
// existed here before the store lost it. The parameter again says that it existed here.
// The user's devices then read everyone's log from its first entry (see Opening.Start).
// Adopt returns ErrNameTaken if the id or the name belongs to another account, and nil if
// the account exists already.
func (s *Accounts) Adopt(ctx context.Context, user int64, name string, again bool) error {
	key := idKey(user)
	set := op.Write(key, []any{"set", key, name, "nx"})
	s.db.Run(ctx, "register", set)
	if set.Err != nil {
		return fmt.Errorf("adopt %d: %w", user, set.Err)
	}
	if op.Text(set.Reply[0]) != "OK" {
		names, errs := s.values(ctx, []string{key})
		if errs[0] != nil {
			return fmt.Errorf("adopt %d: %w", user, errs[0])
		}
		if names[0] != name {
			return fmt.Errorf("adopt %d: %w", user, ErrNameTaken)
		}
	}
	acc, err := s.claimName(ctx, Account{User: user, Name: name}, again)
	if err == nil && acc.User != user {
		err = ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("adopt %d: %w", user, err)
	}
	return nil
}

// claimName commits an account whose id is reserved, and makes its log. It returns the
// account that has the name. If another caller has taken the name first, claimName
// returns that caller's account, and the reserved id stays unused. The parameter again
// says that the account existed here before.
func (s *Accounts) claimName(ctx context.Context, acc Account, again bool) (Account, error) {
	value, err := json.Marshal(storedAccount{User: acc.User, Credential: acc.Credential})
	if err != nil {
		return Account{}, fmt.Errorf("encode account: %w", err)
	}
	key := nameKey(acc.Name)
	set := op.Write(key, []any{"set", key, value, "nx"})
	s.db.Run(ctx, "register", set)
	if set.Err != nil {
		return Account{}, set.Err
	}
	if op.Text(set.Reply[0]) != "OK" {
		return s.AccountByName(ctx, acc.Name)
	}
	s.logs.MakeInboxes(ctx, []int64{acc.User}, again)
	return acc, nil
}

// reserveID reserves a free id. Ids are random, so that nobody can try all ids in
// sequence. They are at least proto.RandomUser, which is above the ids of earlier
// releases. After a crash, or if another caller was faster, a reserved id has no account.
// It stays reserved for ever and takes 100 bytes.
func (s *Accounts) reserveID(ctx context.Context, name string) (int64, error) {
	for range idTries {
		n, err := rand.Int(rand.Reader, big.NewInt(proto.MaxUser-proto.RandomUser+1))
		if err != nil {
			return 0, fmt.Errorf("%w: %w", op.ErrUnavailable, err)
		}
		user := proto.RandomUser + n.Int64()
		key := idKey(user)
		set := op.Write(key, []any{"set", key, name, "nx"})
		s.db.Run(ctx, "register", set)
		if set.Err != nil {
			return 0, set.Err
		}
		if op.Text(set.Reply[0]) == "OK" {
			return user, nil
		}
	}
	return 0, fmt.Errorf("%w: no free id", op.ErrUnavailable)
}
