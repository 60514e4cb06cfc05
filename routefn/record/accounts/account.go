package accounts

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/recent"
)

var (
	// ErrNoUser is returned for a user without an account.
	ErrNoUser = errors.New("no such user")
	// ErrErased is returned for an account that is being erased, or was. It wraps
	// ErrNoUser, because nobody can use that account any more.
	ErrErased = fmt.Errorf("%w: the account was deleted", ErrNoUser)
	// ErrNameTaken is returned by Adopt if the id or the name belongs to another account.
	// Register returns it only while the account of that name is being erased. If the name
	// has any other account, Register returns that account. Its caller then compares
	// credentials.
	ErrNameTaken = errors.New("name is taken")
	// ErrChanged is returned by SetCredential if the account was changed since it was
	// read.
	ErrChanged = errors.New("account was changed meanwhile")
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua              = op.Library{folder, op.Lua}
	credentialScript = lua.Load("credential")
	tryScript        = lua.Load("clock", "bucket", "from", "try")
	triedScript      = lua.Load("clock", "bucket", "from", "tried")
	countScript      = lua.Load("clock", "bucket", "count")
	condemnScript    = lua.Load("clock", "condemn")
	releaseScript    = lua.Load("release")
)

// Account is a user of the system.
type Account struct {
	User       int64
	Name       string
	Credential string // how the route checks the password; empty in open mode
}

// Logs has the logs that belong to accounts.
type Logs interface {
	// Begin returns the position in everyone's log at which an account made now begins.
	Begin(ctx context.Context) (proto.Position, error)
	// KeepStart records the position that Begin returned for a user. It reports no
	// failure.
	KeepStart(ctx context.Context, user int64, at proto.Position)
	// MakeInboxes makes the inboxes of accounts. If again is set, the accounts existed
	// here before. It reports no failure, because an inbox is also made when it is
	// needed.
	MakeInboxes(ctx context.Context, users []int64, again bool)
}

// Accounts has all accounts. It is safe for concurrent use.
type Accounts struct {
	db   *op.DB
	logs Logs

	// met has the pairs of an account and an address for which Met has called the store,
	// as hashes. If a pair drops out of the cache, Met calls the store for it once more.
	met recent.Cache[[sha256.Size]byte, struct{}]
}

// New returns the accounts in the store of db.
func New(db *op.DB, logs Logs) *Accounts { return &Accounts{db: db, logs: logs} }

// storedAccount is an account as the key of its name stores it, in JSON.
type storedAccount struct {
	User       int64  `json:"id"`
	Credential string `json:"credential,omitempty"`
	Erased     bool   `json:"erased,omitempty"` // the account is being erased, see Condemn
}

// parse returns the account of a name. The parameter value is the value of the name's
// key. The error is ErrErased if the account is being erased.
func parse(name, value string) (Account, error) {
	var acc storedAccount
	if err := json.Unmarshal([]byte(value), &acc); err != nil {
		return Account{}, fmt.Errorf("decode: %w", err)
	}
	if acc.Erased {
		return Account{}, ErrErased
	}
	return Account{User: acc.User, Name: name, Credential: acc.Credential}, nil
}

func nameKey(name string) string { return "cim:name:" + name }
func idKey(user int64) string    { return "cim:id:" + strconv.FormatInt(user, 10) }

// AccountByName returns an account, or ErrNoUser.
func (s *Accounts) AccountByName(ctx context.Context, name string) (Account, error) {
	accounts, errs := s.accountsByName(ctx, []string{name})
	return accounts[0], errs[0]
}

// AccountByID returns an account, or ErrNoUser. It reads the name of the id, and then the
// account of that name. If that account has another id, the error is ErrNoUser, too.
func (s *Accounts) AccountByID(ctx context.Context, user int64) (Account, error) {
	accounts, errs := s.AccountsByID(ctx, []int64{user})
	return accounts[0], errs[0]
}

// AccountNamed does the same as AccountByID. The caller passes the name that the account
// probably has. It takes one round trip if the name is right, and up to three if it is
// wrong.
func (s *Accounts) AccountNamed(ctx context.Context, user int64, name string) (Account, error) {
	values, errs := s.values(ctx, []string{idKey(user), nameKey(name)})
	if errs[0] == nil && errs[1] == nil && values[0] == name {
		if account, err := parse(name, values[1]); err == nil && account.User == user {
			return account, nil
		}
	}
	return s.AccountByID(ctx, user)
}

// AccountsByID does what AccountByID does for many users, with one error each. It takes
// two round trips. The first one reads the name of each id. The second one reads the
// accounts of these names. If such an account has another id, the error is ErrNoUser.
func (s *Accounts) AccountsByID(ctx context.Context, users []int64) ([]Account, []error) {
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = idKey(user)
	}
	names, errs := s.values(ctx, keys)
	accounts := make([]Account, len(users))
	var owners []string
	var of []int
	for i, err := range errs {
		switch {
		case err != nil:
		case strings.HasPrefix(names[i], erasedID):
			errs[i] = ErrErased
		default:
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

func (s *Accounts) accountsByName(ctx context.Context, names []string) ([]Account, []error) {
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
		if accounts[i], errs[i] = parse(name, values[i]); errs[i] != nil {
			errs[i] = fmt.Errorf("account %q: %w", name, errs[i])
		}
	}
	return accounts, errs
}

// valuesAtOnce is how many string keys are read by one command.
const valuesAtOnce = 500

// values reads string keys in one pipeline. For a key that does not exist it returns
// ErrNoUser. If one server has all keys, one command reads many of them.
func (s *Accounts) values(ctx context.Context, keys []string) ([]string, []error) {
	size := 1
	if s.db.Topology.Single() {
		size = valuesAtOnce
	}
	var ops []*op.Op
	for chunk := range slices.Chunk(keys, size) {
		get := []any{"mget"}
		if len(chunk) == 1 {
			get[0] = "get" // for a key of another type, get fails, and mget returns no value
		}
		for _, key := range chunk {
			get = append(get, key)
		}
		ops = append(ops, op.Read(chunk[0], get))
	}
	s.db.Run(ctx, "account", ops...)
	values, errs := make([]string, len(keys)), make([]error, len(keys))
	for i := range keys {
		o := ops[i/size]
		if errs[i] = o.Err; o.Err != nil {
			continue
		}
		found, many := o.Reply[0].([]any)
		if !many {
			found = o.Reply[:1]
		}
		if i%size >= len(found) || found[i%size] == nil {
			errs[i] = ErrNoUser
		} else {
			values[i] = op.Text(found[i%size])
		}
	}
	return values, errs
}
