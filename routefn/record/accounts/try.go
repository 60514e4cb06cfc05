package accounts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/op"
)

const (
	// An account knows the latest knownAddresses addresses from which somebody logged
	// in to it, each for knownTime after the latest login from there.
	knownAddresses = 8
	knownTime      = 90 * 24 * time.Hour
)

// bucketArgs returns the arguments that describe a rate to scripts with bucket.lua. Such
// scripts count in ms.
func bucketArgs(r limit.Rate) []any { return []any{bucketEvery(r), r.Burst} }

func bucketEvery(r limit.Rate) int64 { return max(1, r.Every.Milliseconds()) }

// Address is a caller's address in the form in which the store keeps it. It is a list of
// keyed digests, so that nobody can read the address from the store. The store keeps the
// first digest, and also recognises the others, which are made with older keys.
type Address []string

// Trying is a password that somebody shows for an account.
type Trying struct {
	User int64   // zero: only the name is given
	Name string  // empty: only the id is given
	From Address // has one digest at least

	Strangers limit.Rate // limit on wrong passwords for the account from all unknown addresses together
	Known     limit.Rate // limit on wrong passwords for the account from one known address
	Address   limit.Rate // limit on wrong passwords from the address, if the account does not know it
}

// Tried is the answer to Trying. If Refused is empty, the store has counted the password
// as a wrong one already. Settle undoes that count, and so does IssueNumber with
// Issuing.Shown.
type Tried struct {
	Account Account       // zero: no account has that id and name
	Subject string        // names the account, which need not exist; the same for all tries at one account
	Known   bool          // the account knows the address
	Out     int           // how many wrong passwords count against the address, this one included
	Refused Refused       // the limit that is exceeded, so that the password must not be compared; empty: it may be compared
	Wait    time.Duration // if it was refused: the time until one more may be compared

	trying  Trying
	key     string // key that counts the tries at the account
	taken   string // bucket from which this try has taken: "known", "stranger", or "" for none
	counted bool   // this try has taken from the bucket of the address
	settled bool
}

// Refused names the limit that a try has exceeded.
type Refused string

// The limits.
const (
	RefusedAccount Refused = "account" // Trying.Strangers
	RefusedAddress Refused = "address" // Trying.Address
)

// tryKey returns the key that has the tries at an account, and the addresses that the
// account knows. The key's name has a hash of the account's name. The account need not
// exist.
func tryKey(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return "cim:{p" + hex.EncodeToString(sum[:16]) + "}:try"
}

// The method bucket returns the key that counts tries or registrations from the address.
// The parameter what is "try" or "reg".
func (a Address) bucket(what string) string { return "cim:{a" + a[0] + "}:" + what }

// The method at returns the digests of the address for the account with the given tryKey.
// The digests differ from account to account. So the store does not show that two
// accounts share an address.
func (a Address) at(key string) []any {
	digests := make([]any, len(a))
	for i, digest := range a {
		sum := sha256.Sum256([]byte(key + digest))
		digests[i] = hex.EncodeToString(sum[:12])
	}
	return digests
}

// Try returns the account for which somebody shows a password. Before anybody compares
// the password, Try counts it as a wrong one. So the limits hold for any number of routes
// that compare at the same time. A name without an account is counted in the same way,
// and in the same number of steps. If the account knows the address, only Trying.Known
// counts.
//
// The only error is ErrUnavailable. Even then the password may have been counted.
func (s *Accounts) Try(ctx context.Context, q Trying) (*Tried, error) {
	subject := q.Name
	if subject == "" {
		names, errs := s.values(ctx, []string{idKey(q.User)})
		if errs[0] != nil && !errors.Is(errs[0], ErrNoUser) {
			return nil, fmt.Errorf("account of %d: %w", q.User, errs[0])
		}
		subject = cmp.Or(names[0], "\x00"+strconv.FormatInt(q.User, 10)) // no name begins with this byte
	}
	t := &Tried{Subject: subject, trying: q, key: tryKey(subject)}
	read := op.Read(nameKey(subject), []any{"get", nameKey(subject)})
	try := &op.Op{Key: t.key, Script: tryScript, Keys: []string{t.key}, Write: true}
	try.Args = append(append(bucketArgs(q.Strangers), bucketArgs(q.Known)...), knownTime.Milliseconds())
	try.Args = append(try.Args, q.From.at(t.key)...)
	count := countOp(q.From.bucket("try"), q.Address, true)
	s.db.Run(ctx, "try", read, try, count)
	if err := cmp.Or(read.Err, try.Err, count.Err); err != nil {
		return nil, fmt.Errorf("try at an account: %w: %v", op.ErrUnavailable, err)
	}
	if err := t.learn(read, try, count); err != nil {
		return nil, err
	}
	if t.Refused != "" {
		s.Settle(ctx, t, false)
	}
	return t, nil
}

// learn sets t from the answers to three ops. The parameter read is the op that read the
// account. The parameters try and count are the ops that ran try.lua and count.lua.
func (t *Tried) learn(read, try, count *op.Op) error {
	if read.Reply[0] != nil {
		acc, err := parse(t.Subject, op.Text(read.Reply[0]))
		if err != nil && !errors.Is(err, ErrErased) {
			return fmt.Errorf("account %q: %w", t.Subject, err)
		}
		if t.trying.User == 0 || t.trying.User == acc.User {
			t.Account = acc
		}
	}
	t.Out, t.counted = int(op.Integer(count.Reply[1])), op.Text(count.Reply[0]) == "ok"
	switch verdict := op.Text(try.Reply[0]); {
	case verdict == "wait":
		t.Refused, t.Wait = RefusedAccount, time.Duration(op.Integer(try.Reply[1]))*time.Millisecond
	case verdict != "known" && !t.counted:
		t.taken = verdict
		t.Refused, t.Wait = RefusedAddress, time.Duration(op.Integer(count.Reply[2]))*time.Millisecond
	default:
		t.taken, t.Known = verdict, verdict == "known"
	}
	return nil
}

// Settle undoes the count of a try as a wrong password. It is for a password that was
// right, or that was never compared. If the parameter right is set, the account knows the
// address from now on. The end of ctx does not stop Settle. It reports no failure. If it
// fails, the password counts as a wrong one.
func (s *Accounts) Settle(ctx context.Context, t *Tried, right bool) {
	s.db.Run(context.WithoutCancel(ctx), "tried", t.SettleOps(right)...)
}

// SettleOps returns the ops that settle a try. A second call returns none. The receiver t
// may be nil.
func (t *Tried) SettleOps(right bool) []*op.Op {
	if t == nil || t.settled {
		return nil
	}
	t.settled = true
	var ops []*op.Op
	if t.taken != "" || right {
		q := t.trying
		o := &op.Op{Key: t.key, Script: triedScript, Keys: []string{t.key}, Write: true}
		o.Args = []any{t.taken, bucketEvery(q.Strangers), bucketEvery(q.Known), right, knownTime.Milliseconds(), knownAddresses}
		o.Args = append(o.Args, q.From.at(t.key)...)
		ops = append(ops, o)
	}
	if t.counted {
		ops = append(ops, countOp(t.trying.From.bucket("try"), t.trying.Address, false))
	}
	return ops
}

// Met makes an account know an address. It is for a user who has registered from there,
// or has shown a token there. Met calls the store only once a day for the same account
// and address. It reports no failure. If it fails, the next call tries again.
func (s *Accounts) Met(ctx context.Context, name string, from Address) {
	day := s.db.Now() / (24 * time.Hour).Milliseconds()
	once := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", day, from[0], name))
	if _, ok := s.met.Get(once); ok {
		return
	}
	t := &Tried{key: tryKey(name), trying: Trying{From: from}}
	ops := t.SettleOps(true)
	if s.db.Run(context.WithoutCancel(ctx), "tried", ops...); ops[0].Err == nil {
		s.met.Put(once, struct{}{})
	}
}

// TakeRegistration counts a registration from an address. If there were too many, the
// result wait is the time until one more is allowed. The result out is the number of
// registrations that count now. The error is ErrUnavailable.
func (s *Accounts) TakeRegistration(ctx context.Context, from Address, rate limit.Rate) (out int, wait time.Duration, err error) {
	o := countOp(from.bucket("reg"), rate, true)
	s.db.Run(ctx, "try", o)
	if o.Err != nil {
		return 0, 0, fmt.Errorf("count registration: %w: %v", op.ErrUnavailable, o.Err)
	}
	if op.Text(o.Reply[0]) == "wait" {
		wait = time.Duration(op.Integer(o.Reply[2])) * time.Millisecond
	}
	return int(op.Integer(o.Reply[1])), wait, nil
}

// GiveRegistration undoes the count of a registration, because no account was made. It
// reports no failure.
func (s *Accounts) GiveRegistration(ctx context.Context, from Address, rate limit.Rate) {
	s.db.Run(context.WithoutCancel(ctx), "tried", countOp(from.bucket("reg"), rate, false))
}

func countOp(key string, r limit.Rate, take bool) *op.Op {
	return &op.Op{Key: key, Script: countScript, Keys: []string{key}, Args: append(bucketArgs(r), take), Write: true}
}
