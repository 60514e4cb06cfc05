package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/cim-go/cim/routefn/record/op"
)

// Subject is a user of another system, who logs in by tokens of that system. Two subjects
// are the same if both fields are equal.
type Subject struct {
	Issuer string // the issuer of the tokens: the other system
	ID     string // the user's id in that system, which never changes
}

// digest returns the name that the subject has in the store. Two subjects never have the
// same name there.
func (s Subject) digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(s.Issuer), s.Issuer, s.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Credential returns the credential of an account that belongs to the subject. No
// password matches this credential. An import may give it to an account.
func (s Subject) Credential() string { return subjectPrefix + s.digest() }

const subjectPrefix = "subject:"

// IsSubject reports whether an account with this credential belongs to a subject.
func IsSubject(credential string) bool {
	digest, ok := strings.CutPrefix(credential, subjectPrefix)
	sum, err := base64.RawURLEncoding.DecodeString(digest)
	return ok && err == nil && len(sum) == sha256.Size
}

func (s Subject) key() string { return subjectKey(s.digest()) }

func subjectKey(digest string) string { return "cim:subject:" + digest }

// AccountOf returns the account of a subject, or ErrNoUser. An account has at most one
// subject, and a subject has at most one account.
func (s *Accounts) AccountOf(ctx context.Context, subject Subject) (Account, error) {
	names, errs := s.values(ctx, []string{subject.key()})
	if errs[0] != nil {
		return Account{}, fmt.Errorf("account of a subject: %w", errs[0])
	}
	acc, err := s.AccountByName(ctx, names[0])
	if err == nil && acc.Credential != subject.Credential() {
		err = ErrNoUser
	}
	if err != nil {
		return Account{}, fmt.Errorf("account of a subject: %w", err)
	}
	return acc, nil
}

// AdmitSubject returns the account of a subject. If there is none, it makes an account
// with the name. An account keeps the name with which it was made. The error is
// ErrNameTaken if the name belongs to somebody else, ErrInvalid, ErrUnavailable or
// ErrUnknown. A repetition is harmless.
//
// The key of the name commits the account, as in Register. The credential of the account
// has the subject. The subject's own key is written last. If that write is lost, the next
// call finds the account by its name. If two calls give one subject two names at the same
// time, one of the accounts stays unused.
func (s *Accounts) AdmitSubject(ctx context.Context, subject Subject, name string) (Account, error) {
	acc, err := s.AccountOf(ctx, subject)
	if !errors.Is(err, ErrNoUser) {
		return acc, err
	}
	acc, _, err = s.Register(ctx, name, subject.Credential())
	if err != nil {
		return Account{}, err
	}
	if acc.Credential != subject.Credential() {
		return Account{}, fmt.Errorf("admit %q: %w", name, ErrNameTaken)
	}
	return s.bind(ctx, subject, acc)
}

// BindSubject links a subject to the account that has the subject's credential. It finds
// the account by its name. AdmitSubject does the same when the subject logs in by a token
// with that name. The error is ErrNoUser, ErrNameTaken if the account does not belong to
// the subject, ErrUnavailable or ErrUnknown. A repetition is harmless.
func (s *Accounts) BindSubject(ctx context.Context, subject Subject, name string) error {
	acc, err := s.AccountByName(ctx, name)
	if err == nil && acc.Credential != subject.Credential() {
		err = fmt.Errorf("bind %q: %w", name, ErrNameTaken)
	}
	if err != nil {
		return err
	}
	_, err = s.bind(ctx, subject, acc)
	return err
}

// bind makes acc the account of the subject, unless the subject has an account by now.
func (s *Accounts) bind(ctx context.Context, subject Subject, acc Account) (Account, error) {
	key := subject.key()
	set := op.Write(key, []any{"set", key, acc.Name, "nx"})
	s.db.Run(ctx, "register", set)
	if set.Err != nil {
		return Account{}, fmt.Errorf("admit %q: %w", acc.Name, set.Err)
	}
	if op.Text(set.Reply[0]) == "OK" {
		return acc, nil
	}
	now, err := s.AccountOf(ctx, subject)
	if !errors.Is(err, ErrNoUser) {
		return now, err
	}
	// The key has the name of an account that was lost. This account replaces it.
	set = op.Write(key, []any{"set", key, acc.Name})
	s.db.Run(ctx, "register", set)
	if set.Err != nil {
		return Account{}, fmt.Errorf("admit %q: %w", acc.Name, set.Err)
	}
	return acc, nil
}
