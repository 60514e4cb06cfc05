package record

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// knownAddresses is how many addresses an account knows, and knownTime for how long
	// after the latest login from there.
	knownAddresses = 8
	knownTime      = 90 * 24 * time.Hour
)

// Rate is how often something may happen: Burst times at once, and then once in Every,
// by the store's clock. Burst 0 is without limit.
type Rate struct {
	Burst int
	Every time.Duration
}

func (r Rate) args() []any { return []any{r.Every.Milliseconds(), r.Burst} }

// Address is a caller's address in the form in which the store keeps it: keyed digests, so
// that nobody reads the address from the store. The first one is stored. The others were
// made with older keys and are recognised.
type Address []string

// Trying is a password that somebody shows for an account.
type Trying struct {
	User int64   // or zero
	Name string  // or empty, but not both
	From Address // not empty

	Strangers Rate // of wrong passwords for the account, from all addresses that it does not know
	Known     Rate // of wrong passwords for the account, from one address that it knows
	Address   Rate // of wrong passwords from one address that the account does not know
}

// Tried is the answer to Trying. Unless it was Refused, a wrong password has been counted
// already. Settle, or IssueNumber with Issuing.Shown, takes that back.
type Tried struct {
	Account Account       // zero: there is none with that id and name
	Subject string        // the same for each try at this account, if there is one
	Known   bool          // somebody logged in to the account from the address before
	Out     int           // wrong passwords that count against the address, this one included
	Refused Refused       // why the password must not be compared
	Wait    time.Duration // until one more may be, if it was refused

	trying  Trying
	key     string // of what is known of tries at the account
	taken   string // where a token was taken from: "known", "stranger", or ""
	counted bool   // one was taken from the bucket of the address
	settled bool
}

// Refused says which limit a try was beyond.
type Refused string

// The limits.
const (
	RefusedAccount Refused = "account" // Trying.Strangers
	RefusedAddress Refused = "address" // Trying.Address
)

// tryKey returns the key of what is known of tries at an account. It has a hash of the
// name, which may be that of no account.
func tryKey(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return "cim:{p" + hex.EncodeToString(sum[:16]) + "}:try"
}

// bucket returns the key of what an address may do.
func (a Address) bucket(what string) string { return "cim:{a" + a[0] + "}:" + what }

// at returns the digests of an address for one account. They differ between accounts, so
// that the store does not show who shares an address.
func (a Address) at(key string) []any {
	digests := make([]any, len(a))
	for i, digest := range a {
		sum := sha256.Sum256([]byte(key + digest))
		digests[i] = hex.EncodeToString(sum[:12])
	}
	return digests
}

// Try returns the account whose password somebody is about to show, and counts a wrong
// password against the limits, before it is compared. So the limits hold for any number of
// routes that compare at the same time. An account that does not exist is counted like one
// that does, in the same number of steps. If the account knows the address, the limits of
// others do not matter.
//
// The error is ErrUnavailable. A wrong password may then have been counted.
func (s *Store) Try(ctx context.Context, q Trying) (*Tried, error) {
	subject := q.Name
	if subject == "" {
		names, errs := s.values(ctx, []string{idKey(q.User)})
		if errs[0] != nil && !errors.Is(errs[0], ErrNoUser) {
			return nil, fmt.Errorf("account of %d: %w", q.User, errs[0])
		}
		subject = cmp.Or(names[0], "\x00"+strconv.FormatInt(q.User, 10)) // which is no name
	}
	t := &Tried{Subject: subject, trying: q, key: tryKey(subject)}
	read := readOf(nameKey(subject), []any{"get", nameKey(subject)})
	try := &op{key: t.key, script: tryScript, keys: []string{t.key}, write: true}
	try.args = append(append(q.Strangers.args(), q.Known.args()...), knownTime.Milliseconds())
	try.args = append(try.args, q.From.at(t.key)...)
	count := countOp(q.From.bucket("try"), q.Address, true)
	s.run(ctx, "try", read, try, count)
	if err := cmp.Or(read.err, try.err, count.err); err != nil {
		return nil, fmt.Errorf("try at an account: %w: %v", ErrUnavailable, err)
	}
	if err := t.learn(read, try, count); err != nil {
		return nil, err
	}
	if t.Refused != "" {
		s.Settle(ctx, t, false)
	}
	return t, nil
}

// learn takes in the answers to a try.
func (t *Tried) learn(read, try, count *op) error {
	if read.reply[0] != nil {
		var acc storedAccount
		if err := json.Unmarshal([]byte(text(read.reply[0])), &acc); err != nil {
			return fmt.Errorf("account %q: decode: %w", t.Subject, err)
		}
		if t.trying.User == 0 || t.trying.User == acc.User {
			t.Account = Account{User: acc.User, Name: t.Subject, Credential: acc.Credential}
		}
	}
	t.Out, t.counted = int(integer(count.reply[1])), text(count.reply[0]) == "ok"
	switch verdict := text(try.reply[0]); {
	case verdict == "wait":
		t.Refused, t.Wait = RefusedAccount, time.Duration(integer(try.reply[1]))*time.Millisecond
	case verdict != "known" && !t.counted:
		t.taken = verdict
		t.Refused, t.Wait = RefusedAddress, time.Duration(integer(count.reply[2]))*time.Millisecond
	default:
		t.taken, t.Known = verdict, verdict == "known"
	}
	return nil
}

// Settle takes back that a password was counted as wrong, because it was right, or was
// never compared. If it was right, the account knows the address from now on. The end of
// ctx does not stop it. A failure is not reported: the password then counts like a wrong
// one.
func (s *Store) Settle(ctx context.Context, t *Tried, right bool) {
	s.run(context.WithoutCancel(ctx), "tried", t.settle(right)...)
}

// settle returns the ops that settle a try. It returns them once. t may be nil.
func (t *Tried) settle(right bool) []*op {
	if t == nil || t.settled {
		return nil
	}
	t.settled = true
	var ops []*op
	if t.taken != "" || right {
		q := t.trying
		o := &op{key: t.key, script: triedScript, keys: []string{t.key}, write: true}
		o.args = []any{t.taken, q.Strangers.Every.Milliseconds(), q.Known.Every.Milliseconds(), right, knownTime.Milliseconds(), knownAddresses}
		o.args = append(o.args, q.From.at(t.key)...)
		ops = append(ops, o)
	}
	if t.counted {
		ops = append(ops, countOp(t.trying.From.bucket("try"), t.trying.Address, false))
	}
	return ops
}

// Met has the account of a name know an address, because its user registered it from
// there, or showed a token. It calls the store once a day for an account and an address. A
// failure is not reported: the next call tries again.
func (s *Store) Met(ctx context.Context, name string, from Address) {
	day := s.Now() / (24 * time.Hour).Milliseconds()
	once := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", day, from[0], name))
	if _, ok := s.met.get(once); ok {
		return
	}
	t := &Tried{key: tryKey(name), trying: Trying{From: from}}
	ops := t.settle(true)
	if s.run(context.WithoutCancel(ctx), "tried", ops...); ops[0].err == nil {
		s.met.put(once, struct{}{})
	}
}

// TakeRegistration counts a registration from an address. If there were too many, it
// returns in what time one more is allowed. out is how many count at present. The error is
// ErrUnavailable.
func (s *Store) TakeRegistration(ctx context.Context, from Address, limit Rate) (out int, wait time.Duration, err error) {
	o := countOp(from.bucket("reg"), limit, true)
	s.run(ctx, "try", o)
	if o.err != nil {
		return 0, 0, fmt.Errorf("count registration: %w: %v", ErrUnavailable, o.err)
	}
	if text(o.reply[0]) == "wait" {
		wait = time.Duration(integer(o.reply[2])) * time.Millisecond
	}
	return int(integer(o.reply[1])), wait, nil
}

// GiveRegistration takes back that a registration was counted, because it made no account.
// A failure is not reported.
func (s *Store) GiveRegistration(ctx context.Context, from Address, limit Rate) {
	s.run(context.WithoutCancel(ctx), "tried", countOp(from.bucket("reg"), limit, false))
}

func countOp(key string, r Rate, take bool) *op {
	return &op{key: key, script: countScript, keys: []string{key}, args: append(r.args(), take), write: true}
}
