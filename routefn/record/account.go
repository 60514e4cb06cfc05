package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// storedAccount is the JSON of a name's key.
type storedAccount struct {
	User       int64  `json:"id"`
	Credential string `json:"credential,omitempty"`
}

func nameKey(name string) string { return "cim:name:" + name }
func idKey(user int64) string    { return "cim:id:" + strconv.FormatInt(user, 10) }

// idTries bounds the search for a free id. With steps of 8 on average, a hundred
// tries pass some 800 registrations in the same moment.
const idTries = 100

// Register makes an account, or returns the one that has the name already, with
// created false and no error: the caller compares credentials. Setting the name's
// key is the one moment of commitment; the id is reserved before it, so that no
// two names share one.
func (s *Store) Register(ctx context.Context, name, credential string) (acc Account, created bool, err error) {
	acc, err = s.AccountByName(ctx, name)
	if !errors.Is(err, ErrNoUser) {
		return acc, false, err
	}
	user, err := s.reserveID(ctx, name)
	if err != nil {
		return Account{}, false, fmt.Errorf("register %q: %w", name, err)
	}
	acc, err = s.claimName(ctx, Account{User: user, Name: name, Credential: credential})
	if err != nil {
		return Account{}, false, fmt.Errorf("register %q: %w", name, err)
	}
	return acc, acc.User == user, nil
}

// Adopt makes the account that a user of CIM has elsewhere: with the id and the
// name he comes with. It returns ErrNameTaken if either belongs to another
// account, and nil if the very account exists.
func (s *Store) Adopt(ctx context.Context, user int64, name string) error {
	key := idKey(user)
	set := writeTo(key, []any{"set", key, name, "nx"})
	s.run(ctx, "register", set)
	if set.err != nil {
		return fmt.Errorf("adopt %d: %w", user, set.err)
	}
	if text(set.reply[0]) != "OK" {
		names, errs := s.values(ctx, []string{key})
		if errs[0] != nil {
			return fmt.Errorf("adopt %d: %w", user, errs[0])
		}
		if names[0] != name {
			return fmt.Errorf("adopt %d: %w", user, ErrNameTaken)
		}
	}
	acc, err := s.claimName(ctx, Account{User: user, Name: name})
	if err == nil && acc.User != user {
		err = ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("adopt %d: %w", user, err)
	}
	return nil
}

// claimName commits an account whose id is reserved, with its log. It returns
// the account that has the name: another one if somebody was faster, and the
// reserved id stays unused.
func (s *Store) claimName(ctx context.Context, acc Account) (Account, error) {
	value, err := json.Marshal(storedAccount{User: acc.User, Credential: acc.Credential})
	if err != nil {
		return Account{}, fmt.Errorf("encode account: %w", err)
	}
	key := nameKey(acc.Name)
	set := writeTo(key, []any{"set", key, value, "nx"})
	s.run(ctx, "register", set)
	if set.err != nil {
		return Account{}, set.err
	}
	if text(set.reply[0]) != "OK" {
		return s.AccountByName(ctx, acc.Name)
	}
	if err := s.makeLogs(ctx, []logRef{{user: acc.User}})[0]; err != nil {
		s.log.Debug("log is left to be made later", "user", acc.User, "err", err)
	}
	return acc, nil
}

// reserveID takes a free id near the clock's milliseconds. Ids that no name came
// to own, after a crash or a lost race, stay taken: they cost 100 bytes each.
func (s *Store) reserveID(ctx context.Context, name string) (int64, error) {
	user := s.clock.wall().UnixMilli()
	for range idTries {
		if user > proto.MaxUser {
			break
		}
		key := idKey(user)
		set := writeTo(key, []any{"set", key, name, "nx"})
		s.run(ctx, "register", set)
		if set.err != nil {
			return 0, set.err
		}
		if text(set.reply[0]) == "OK" {
			return user, nil
		}
		user += 1 + rand.Int64N(15)
	}
	return 0, fmt.Errorf("%w: no free id", ErrUnavailable)
}

// AccountByName returns an account, or ErrNoUser.
func (s *Store) AccountByName(ctx context.Context, name string) (Account, error) {
	accounts, errs := s.accountsByName(ctx, []string{name})
	return accounts[0], errs[0]
}

// AccountByID returns an account, or ErrNoUser. An id that a name does not own
// is nobody's.
func (s *Store) AccountByID(ctx context.Context, user int64) (Account, error) {
	accounts, errs := s.AccountsByID(ctx, []int64{user})
	return accounts[0], errs[0]
}

// AccountsByID is AccountByID for many, with an error each. It takes two round
// trips: names of ids, then what the names say, which must be the same ids.
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

// values reads string keys in one pipeline. A key that is not there is
// ErrNoUser.
func (s *Store) values(ctx context.Context, keys []string) ([]string, []error) {
	ops := make([]*op, len(keys))
	for i, key := range keys {
		ops[i] = readOf(key, []any{"get", key})
	}
	s.run(ctx, "account", ops...)
	values, errs := make([]string, len(keys)), make([]error, len(keys))
	for i, o := range ops {
		switch {
		case o.err != nil:
			errs[i] = o.err
		case o.reply[0] == nil:
			errs[i] = ErrNoUser
		default:
			values[i] = text(o.reply[0])
		}
	}
	return values, errs
}
