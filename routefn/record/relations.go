package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// A Relation is what a user thinks of another one, and what they ask of each other.
type Relation struct {
	User    int64  // the other one
	State   string // proto.RelationContact and its like; empty: none
	Since   int64  // since when the state holds, in ms by the store's clock
	Blocked int64  // since when the user blocks the other one, in ms; zero: not
	Remark  string // the user's own name for a contact
	Text    string // of a request that came in
}

var (
	// ErrNoRequest is returned if a user accepts a request that does not exist any more.
	ErrNoRequest = errors.New("no such request")
	// ErrNoContact is returned if the other user is no contact.
	ErrNoContact = errors.New("not a contact")
	// ErrTooManyRelations is returned if a user has as many contacts, requests or blocked
	// users as anybody may have.
	ErrTooManyRelations = errors.New("too many contacts, requests or blocked users")
)

// The bounds of one user's relations.
const (
	mostBlocked  = 1000
	mostContacts = 2000
	mostRequests = 200 // in each direction
)

// The steps of relate.lua.
const (
	stepBlock    = "block"
	stepUnblock  = "unblock"
	stepAsk      = "ask"
	stepAsked    = "asked"
	stepPermit   = "permit"
	stepAccept   = "accept"
	stepAccepted = "accepted"
	stepWithdraw = "withdraw"
	stepDrop     = "drop"
	stepRemark   = "remark"
)

// refusedStep is the error of a step that the state of the relation does not allow.
type refusedStep struct{ state string }

func (e refusedStep) Error() string { return fmt.Sprintf("state %q does not allow it", e.state) }

// relate changes what a user thinks of another one. It returns the state before. The error
// is a refusedStep, ErrTooManyRelations, ErrNoUser, ErrUnavailable or ErrUnknown. To repeat
// it is harmless.
func (s *Store) relate(ctx context.Context, user, other int64, step, text string) (string, error) {
	if user <= 0 || other <= 0 || user == other {
		return "", fmt.Errorf("%w: users %d and %d", ErrInvalid, user, other)
	}
	if strings.ContainsAny(text, "\t\n") {
		return "", fmt.Errorf("%w: text of a relation", ErrInvalid)
	}
	l := logref.Ref{User: user}
	o := consentScriptOn(l, relateScript, step, other, text, mostBlocked, mostContacts, mostRequests)
	s.onLogsBy(ctx, s.Accept, step, []logref.Ref{l}, []*op.Op{o}, true)
	switch {
	case o.Err != nil:
		return "", o.Err
	case op.Text(o.Reply[0]) == "full":
		return "", ErrTooManyRelations
	case op.Text(o.Reply[0]) == "refused":
		return "", refusedStep{op.Text(o.Reply[1])}
	}
	return op.Text(o.Reply[1]), nil
}

// consentScriptOn returns an op that runs sc on the hash of an inbox, its owner's relations,
// and the key choosy.
func consentScriptOn(l logref.Ref, sc *op.Script, args ...any) *op.Op {
	o := l.HashScript(sc, args...)
	o.Keys = append(o.Keys, l.Relations(), l.Choosy())
	return o
}

// Block makes the user's inbox take no messages of another one, from now on and over all
// routes. It also ends requests between the two. A contact stays one. The error is
// ErrTooManyRelations, ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown. To repeat it is
// harmless.
func (s *Store) Block(ctx context.Context, user, other int64) error {
	if _, err := s.relate(ctx, user, other, stepBlock, ""); err != nil {
		return fmt.Errorf("%d blocks %d: %w", user, other, err)
	}
	return nil
}

// Unblock ends what Block has begun. Its errors are those of Block.
func (s *Store) Unblock(ctx context.Context, user, other int64) error {
	if _, err := s.relate(ctx, user, other, stepUnblock, ""); err != nil {
		return fmt.Errorf("%d unblocks %d: %w", user, other, err)
	}
	return nil
}

// Relations returns all relations of a user, by the ids of the others. The error is
// ErrUnavailable.
func (s *Store) Relations(ctx context.Context, user int64) ([]Relation, error) {
	key := logref.Ref{User: user}.Relations()
	o := op.Read(key, []any{"hgetall", key})
	s.Run(ctx, "relations", o)
	if o.Err != nil {
		return nil, fmt.Errorf("relations of %d: %w", user, o.Err)
	}
	fields, _ := o.Reply[0].([]any)
	var list []Relation
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) != 2 {
			continue
		}
		if r, ok := parseRelation(op.Integer(pair[0]), op.Text(pair[1])); ok {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Relation) int { return cmp.Compare(a.User, b.User) })
	return list, nil
}

// parseRelation reads a field of the relations: see relation.lua. It returns false for a
// field that is no relation.
func parseRelation(user int64, text string) (Relation, bool) {
	f := strings.Split(text, "\t")
	if user <= 0 || len(f) != 5 {
		return Relation{}, false
	}
	return Relation{User: user, Blocked: op.Integer(f[0]), State: f[1], Since: op.Integer(f[2]), Remark: f[3], Text: f[4]}, true
}

// Consent says who may do what with a user. Each is proto.ByEveryone and its like; empty:
// the user has not said so.
type Consent struct {
	Write string // who may write to the user
	Add   string // who may add the user to groups
	Find  string // who finds the user by the id
}

// Consent returns what a user has said. The error is ErrUnavailable.
func (s *Store) Consent(ctx context.Context, user int64) (Consent, error) {
	key := logref.Ref{User: user}.Relations()
	o := op.Read(key, []any{"hget", key, "may"})
	s.Run(ctx, "consent", o)
	if o.Err != nil {
		return Consent{}, fmt.Errorf("consent of %d: %w", user, o.Err)
	}
	return parseConsent(op.Text(o.Reply[0])), nil
}

// SetConsent changes those fields that are not empty, and returns all of them. The caller
// has checked the words. To repeat it is harmless. The error is ErrNoUser, ErrUnavailable or
// ErrUnknown.
func (s *Store) SetConsent(ctx context.Context, user int64, c Consent) (Consent, error) {
	l := logref.Ref{User: user}
	o := consentScriptOn(l, consentScript, c.Write, c.Add, c.Find)
	s.onLogsBy(ctx, s.Accept, "consent", []logref.Ref{l}, []*op.Op{o}, true)
	if o.Err != nil {
		return Consent{}, fmt.Errorf("consent of %d: %w", user, o.Err)
	}
	return parseConsent(op.Text(o.Reply[1])), nil
}

func parseConsent(text string) Consent {
	f := strings.Fields(text)
	for len(f) < 3 {
		f = append(f, "")
	}
	for i, word := range f {
		if word == "-" {
			f[i] = ""
		}
	}
	return Consent{Write: f[0], Add: f[1], Find: f[2]}
}
