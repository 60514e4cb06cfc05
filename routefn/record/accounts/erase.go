package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cim-go/cim/routefn/record/op"
)

// erasedID is the value under the id of an erased account. While FreeName frees the name,
// the value goes on with a space and that name. No name begins with a zero byte. The key
// of the id stays, so that neither a registration nor a restoration gets the id again.
const erasedID = "\x00erased"

// Erasure is an account that is being erased, and how far that has come.
type Erasure struct {
	User      int64
	Name      string
	Condemned bool // nobody can log in to the account any more

	value string // of the name's key; empty: the name is free, or belongs to another account
}

// ErasureOf returns how far the erasure of an account has come. The error is ErrErased
// if the account was erased, ErrNoUser if there is none, or ErrUnavailable.
func (s *Accounts) ErasureOf(ctx context.Context, user int64) (Erasure, error) {
	e := Erasure{User: user}
	ids, errs := s.values(ctx, []string{idKey(user)})
	if errs[0] != nil {
		return e, fmt.Errorf("erasure of %d: %w", user, errs[0])
	}
	e.Name = ids[0]
	if rest, releasing := strings.CutPrefix(ids[0], erasedID); releasing {
		if e.Name = strings.TrimPrefix(rest, " "); e.Name == "" {
			return e, fmt.Errorf("erasure of %d: %w", user, ErrErased)
		}
		e.Condemned = true
	}
	values, errs := s.values(ctx, []string{nameKey(e.Name)})
	if errors.Is(errs[0], ErrNoUser) && e.Condemned {
		return e, nil
	}
	if errs[0] != nil {
		return e, fmt.Errorf("erasure of %d: %w", user, errs[0])
	}
	var acc storedAccount
	if err := json.Unmarshal([]byte(values[0]), &acc); err != nil {
		return e, fmt.Errorf("erasure of %d: decode: %w", user, err)
	}
	switch {
	case acc.User == user:
		e.value, e.Condemned = values[0], acc.Erased
	case !e.Condemned:
		return e, fmt.Errorf("erasure of %d: %w", user, ErrNoUser)
	}
	return e, nil
}

// Condemn begins the erasure of an account. The parameter until is a time in ms by the
// store's clock. After that time, Condemn does nothing and returns ErrUnavailable. Once
// the erasure has begun, no caller finds the account, and its name stays taken. Condemn
// removes the credential, except one that names a user of another system. Further errors
// are ErrChanged, ErrUnavailable and ErrUnknown. After nil, as many replicas as
// Config.Replicas says have the change.
func (s *Accounts) Condemn(ctx context.Context, e Erasure, until int64) error {
	var acc storedAccount
	err := json.Unmarshal([]byte(e.value), &acc)
	if acc.Erased = true; !IsSubject(acc.Credential) {
		acc.Credential = ""
	}
	var value []byte
	if err == nil {
		value, err = json.Marshal(acc)
	}
	if err != nil {
		return fmt.Errorf("condemn %d: %w", e.User, err)
	}
	key := nameKey(e.Name)
	o := &op.Op{Key: key, Script: condemnScript, Keys: []string{key}, Args: []any{e.value, value, until}, Write: true}
	if s.db.Accept(ctx, "erase", o); o.Err != nil {
		return fmt.Errorf("condemn %d: %w", e.User, o.Err)
	}
	switch op.Text(o.Reply[0]) {
	case "changed":
		err = ErrChanged
	case "late":
		err = fmt.Errorf("%w: it took too long", op.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("condemn %d: %w", e.User, err)
	}
	return nil
}

// FreeName ends the erasure of an account. It removes the data under the name, and then
// frees the name. The id stays reserved for ever. The call may be repeated, with the same
// Erasure of the account or a later one. The errors are ErrUnavailable and ErrUnknown.
func (s *Accounts) FreeName(ctx context.Context, e Erasure) error {
	steps := []*op.Op{op.Write(idKey(e.User), []any{"set", idKey(e.User), erasedID + " " + e.Name})}
	if e.value != "" {
		steps = append(steps, s.nameless(e)...)
	}
	steps = append(steps, op.Write(idKey(e.User), []any{"set", idKey(e.User), erasedID}))
	for _, o := range steps { // in this order, and in different slots
		if s.db.Accept(ctx, "erase", o); o.Err != nil {
			return fmt.Errorf("release the name of %d: %w", e.User, o.Err)
		}
	}
	return nil
}

// nameless returns the ops that remove what is kept under a name, so that a new account
// of the name finds nothing. The last op removes the name's key.
func (s *Accounts) nameless(e Erasure) []*op.Op {
	var acc storedAccount
	_ = json.Unmarshal([]byte(e.value), &acc) // ErasureOf has decoded it
	tries := tryKey(e.Name)
	ops := []*op.Op{op.Write(tries, []any{"del", tries})}
	if digest, ok := strings.CutPrefix(acc.Credential, subjectPrefix); ok {
		ops = append(ops, release(subjectKey(digest), e.Name))
	}
	return append(ops, release(nameKey(e.Name), e.value))
}

// release returns an op that removes a key if the key has the given value.
func release(key, value string) *op.Op {
	return &op.Op{Key: key, Script: releaseScript, Keys: []string{key}, Args: []any{value}, Write: true}
}
