package record

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/cim-go/cim/routefn/record/op"
)

// storedAccount is an account as the key of its name stores it, in JSON.
type storedAccount struct {
	User       int64  `json:"id"`
	Credential string `json:"credential,omitempty"`
}

func nameKey(name string) string { return "cim:name:" + name }
func idKey(user int64) string    { return "cim:id:" + strconv.FormatInt(user, 10) }

// AccountByName returns an account, or ErrNoUser.
func (s *Store) AccountByName(ctx context.Context, name string) (Account, error) {
	accounts, errs := s.accountsByName(ctx, []string{name})
	return accounts[0], errs[0]
}

// AccountByID returns an account, or ErrNoUser. The store finds the name of the id, and
// then the account of that name. If that account has another id, the error is
// ErrNoUser, too.
func (s *Store) AccountByID(ctx context.Context, user int64) (Account, error) {
	accounts, errs := s.AccountsByID(ctx, []int64{user})
	return accounts[0], errs[0]
}

// AccountsByID does what AccountByID does for many users, with one error each. It takes
// two round trips. The first one reads the name of each id. The second one reads the
// accounts of these names. Their ids must be the requested ones.
func (s *Store) AccountsByID(ctx context.Context, users []int64) ([]Account, []error) {
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = idKey(user)
	}
	names, errs := s.values(ctx, keys)
	accounts := make([]Account, len(users))
	var owners []string
	var of []int
	for i, err := range errs {
		if err == nil {
			owners = append(owners, names[i])
			of = append(of, i)
		}
	}
	found, foundErrs := s.accountsByName(ctx, owners)
	for j, i := range of {
		accounts[i], errs[i] = found[j], foundErrs[j]
		if errs[i] == nil && found[j].User != users[i] {
			accounts[i], errs[i] = Account{}, ErrNoUser
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("account of %d: %w", users[i], err)
		}
	}
	return accounts, errs
}

func (s *Store) accountsByName(ctx context.Context, names []string) ([]Account, []error) {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = nameKey(name)
	}
	values, errs := s.values(ctx, keys)
	accounts := make([]Account, len(names))
	for i, name := range names {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("account %q: %w", name, errs[i])
			continue
		}
		var acc storedAccount
		if err := json.Unmarshal([]byte(values[i]), &acc); err != nil {
			errs[i] = fmt.Errorf("account %q: decode: %w", name, err)
			continue
		}
		accounts[i] = Account{User: acc.User, Name: name, Credential: acc.Credential}
	}
	return accounts, errs
}

// valuesAtOnce is how many string keys are read by one command.
const valuesAtOnce = 500

// values reads string keys in one pipeline. For a key that does not exist it returns
// ErrNoUser. If one server has all keys, one command reads many of them.
func (s *Store) values(ctx context.Context, keys []string) ([]string, []error) {
	size := 1
	if s.Topology.Single() {
		size = valuesAtOnce
	}
	var ops []*op.Op
	for chunk := range slices.Chunk(keys, size) {
		get := []any{"mget"}
		for _, key := range chunk {
			get = append(get, key)
		}
		ops = append(ops, op.Read(chunk[0], get))
	}
	s.Run(ctx, "account", ops...)
	values, errs := make([]string, len(keys)), make([]error, len(keys))
	for i := range keys {
		o := ops[i/size]
		if errs[i] = o.Err; o.Err != nil {
			continue
		}
		if found, _ := o.Reply[0].([]any); i%size >= len(found) || found[i%size] == nil {
			errs[i] = ErrNoUser
		} else {
			values[i] = op.Text(found[i%size])
		}
	}
	return values, errs
}
