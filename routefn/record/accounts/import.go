package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/routefn/record/op"
)

// chunkOfImport is how many accounts one pipeline of an import handles at most.
const chunkOfImport = op.MaxPipeline / 2

// ImportState is the result of an import.
type ImportState int

const (
	// ImportNew means that the object did not exist. It was made, or would be if this
	// were not a dry run.
	ImportNew ImportState = iota + 1
	// ImportThere means that the object existed already.
	ImportThere
	// ImportClash means that the id or the name to import belongs to another object
	// already. Nothing was changed.
	ImportClash
)

// ImportedAccount is the answer for one account. Err is nil, ErrUnavailable, ErrUnknown
// or ErrInvalid. Repeating the import is harmless.
type ImportedAccount struct {
	Err    error
	State  ImportState
	Other  Account // with ImportClash: the other account, which has the id or the name
	Erased bool    // with ImportClash: the other account was erased, or is being erased
	Given  bool    // the account existed without a credential, and has got one
	Locked bool    // the account has no credential now

	was string // the value of the name's key
}

// ImportAccounts makes accounts with the ids and names that they have in another system.
// It returns one ImportedAccount for each. If an account with the same id and name
// exists, the State is ImportThere. Such an account gets the credential only if it has
// none. If the id or the name belongs to another account, the State is ImportClash. If
// the parameter dry is set, nothing is written.
//
// An account is made in the same steps as in Register, so no registration gets its id.
func (s *Accounts) ImportAccounts(ctx context.Context, accounts []Account, dry bool) []ImportedAccount {
	answers := make([]ImportedAccount, 0, len(accounts))
	for chunk := range slices.Chunk(accounts, chunkOfImport) {
		answers = append(answers, s.importAccounts(ctx, chunk, dry)...)
	}
	return answers
}

func (s *Accounts) importAccounts(ctx context.Context, accounts []Account, dry bool) []ImportedAccount {
	answers := s.lookAtAccounts(ctx, accounts)
	var todo []int
	users, names := make(map[int64]int, len(accounts)), make(map[string]int, len(accounts))
	for i, acc := range accounts {
		a := &answers[i]
		if a.Err == nil {
			a.Err = op.CheckNames(acc.Name)
		}
		if a.Err != nil || a.State == ImportClash {
			continue
		}
		u, byUser := users[acc.User]
		n, byName := names[acc.Name]
		switch {
		case byUser && byName && u == n:
			a.State = ImportThere
		case byUser:
			a.State, a.Other = ImportClash, accounts[u]
		case byName:
			a.State, a.Other = ImportClash, accounts[n]
		default:
			users[acc.User], names[acc.Name] = i, i
			todo = append(todo, i)
		}
	}
	if !dry {
		s.makeAccounts(ctx, accounts, answers, todo)
	}
	s.giveCredentials(ctx, accounts, answers, todo, dry)
	for i, acc := range accounts {
		if answers[i].Err != nil {
			answers[i].Err = fmt.Errorf("import account %d: %w", acc.User, answers[i].Err)
		}
		if acc.Credential != "" && (answers[i].State == ImportNew || answers[i].Given) {
			answers[i].Locked = false
		}
	}
	return answers
}

// lookAtAccounts reads which of the accounts exist, and sets the State of each.
func (s *Accounts) lookAtAccounts(ctx context.Context, accounts []Account) []ImportedAccount {
	ops := make([]*op.Op, 0, 2*len(accounts))
	for _, acc := range accounts {
		id, name := idKey(acc.User), nameKey(acc.Name)
		ops = append(ops, op.Read(id, []any{"get", id}), op.Read(name, []any{"get", name}))
	}
	s.db.Run(ctx, "account", ops...)
	answers := make([]ImportedAccount, len(accounts))
	for i, acc := range accounts {
		answers[i] = lookedAt(acc, ops[2*i], ops[2*i+1])
	}
	return answers
}

func lookedAt(acc Account, id, name *op.Op) ImportedAccount {
	for _, o := range []*op.Op{id, name} {
		if o.Err != nil {
			return ImportedAccount{Err: o.Err}
		}
	}
	owner, value := op.Text(id.Reply[0]), op.Text(name.Reply[0])
	a := ImportedAccount{State: ImportNew, Locked: true, was: value}
	if value != "" {
		var stored storedAccount
		if err := json.Unmarshal([]byte(value), &stored); err != nil {
			return ImportedAccount{Err: fmt.Errorf("%w: account %q: decode: %w", op.ErrInvalid, acc.Name, err)}
		}
		if stored.User != acc.User {
			return ImportedAccount{State: ImportClash, Other: Account{User: stored.User, Name: acc.Name}}
		}
		a.Locked = stored.Credential == ""
		if stored.Erased {
			return ImportedAccount{State: ImportClash, Erased: true, Other: Account{User: stored.User, Name: acc.Name}}
		}
	}
	switch {
	case strings.HasPrefix(owner, erasedID):
		return ImportedAccount{State: ImportClash, Erased: true, Other: Account{User: acc.User}}
	case owner != "" && owner != acc.Name:
		return ImportedAccount{State: ImportClash, Other: Account{User: acc.User, Name: owner}}
	case owner != "" && value != "":
		a.State = ImportThere
	}
	return a
}

// makeAccounts makes the accounts at the indices in todo that do not exist yet.
func (s *Accounts) makeAccounts(ctx context.Context, accounts []Account, answers []ImportedAccount, todo []int) {
	todo = slices.DeleteFunc(slices.Clone(todo), func(i int) bool { return answers[i].State != ImportNew })
	todo = s.setAll(ctx, answers, todo, func(i int) (string, any, error) {
		return idKey(accounts[i].User), accounts[i].Name, nil
	})
	todo = s.setAll(ctx, answers, todo, func(i int) (string, any, error) {
		value, err := json.Marshal(storedAccount{User: accounts[i].User, Credential: accounts[i].Credential})
		return nameKey(accounts[i].Name), value, err
	})
	made := make([]Account, len(todo))
	users := make([]int64, len(todo))
	for j, i := range todo {
		made[j], users[j] = accounts[i], accounts[i].User
	}
	for j, now := range s.lookAtAccounts(ctx, made) {
		i := todo[j]
		switch {
		case now.Err != nil:
			answers[i].Err = now.Err
		case now.State == ImportClash: // another caller has taken the id or the name meanwhile
			answers[i] = now
		case now.State == ImportNew:
			answers[i].Err = fmt.Errorf("%w: it was not made", op.ErrUnavailable)
		}
	}
	s.logs.MakeInboxes(ctx, users, false)
}

// setAll sets one key for each index in todo, unless the key exists. The parameter entry
// is a function that returns the key and its value. The result has the indices for which
// the store answered.
func (s *Accounts) setAll(ctx context.Context, answers []ImportedAccount, todo []int, entry func(i int) (key string, value any, err error)) (done []int) {
	var ops []*op.Op
	var of []int
	for _, i := range todo {
		key, value, err := entry(i)
		if answers[i].Err = err; err == nil {
			ops, of = append(ops, op.Write(key, []any{"set", key, value, "nx"})), append(of, i)
		}
	}
	s.db.Accept(ctx, "register", ops...)
	for j, o := range ops {
		if answers[of[j]].Err = o.Err; o.Err == nil {
			done = append(done, of[j])
		}
	}
	return done
}

// giveCredentials stores the given credentials of existing accounts that have none.
func (s *Accounts) giveCredentials(ctx context.Context, accounts []Account, answers []ImportedAccount, todo []int, dry bool) {
	var ops []*op.Op
	var of []int
	for _, i := range todo {
		acc, a := accounts[i], &answers[i]
		if a.Err != nil || a.State != ImportThere || !a.Locked || acc.Credential == "" {
			continue
		}
		if dry {
			a.Given = true
			continue
		}
		value, err := json.Marshal(storedAccount{User: acc.User, Credential: acc.Credential})
		if err != nil {
			a.Err = err
			continue
		}
		key := nameKey(acc.Name)
		ops = append(ops, &op.Op{Key: key, Script: credentialScript, Keys: []string{key}, Args: []any{a.was, value}, Write: true})
		of = append(of, i)
	}
	s.db.Accept(ctx, "register", ops...)
	for j, o := range ops {
		a := &answers[of[j]]
		a.Err = o.Err
		a.Given = o.Err == nil && op.Text(o.Reply[0]) == "ok"
	}
}
