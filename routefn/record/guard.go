package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// An inbox has a guard if its owner does not take messages from everybody (guard.lua).
// The script append.lua stores a message to such an inbox, and checks it in the same
// step. Most inboxes have none, and a message to them is stored by a transaction. That
// costs half as much, and can check nothing.
//
// The answer to each message tells whether there is a guard. So a Store may send one more
// transaction to an inbox whose first guard was just set through another Store. The
// answer shows the guard. Then append.lua removes the texts of messages that the owner
// does not want, before the sender gets an answer and before anything is pushed. If this
// process dies in between, the node sends the message again, and append.lua finds and
// refuses it.
//
// On one server, the sender's own copy is sent in the same pipeline. If the receiver's copy
// was refused, the own copy loses its text, too. That happens once for each pair of users,
// because the Store remembers the pair.

// refusals has the error for each reason that a script returns.
var refusals = map[string]error{"blocked": ErrBlocked, "contacts": ErrContactsOnly, shortened: ErrForgotten}

func unwanted(err error) bool { return errors.Is(err, ErrBlocked) || errors.Is(err, ErrContactsOnly) }

// owner returns the owner of the inbox if the messages of the batch need the owner's
// consent. Otherwise it returns an empty string.
func (b *batch) owner() any {
	if b.log.User == 0 || b.which == ownCopy {
		return ""
	}
	return b.log.User
}

// guarded reports whether the inbox of a user has a guard, as far as this Store knows.
func (s *Store) guarded(user int64) bool {
	in, _ := s.inboxes.Get(user)
	return in.guarded
}

// asks reports whether the script must check if an inbox takes a batch. It must if the
// inbox has a guard, or if nothing is known about the inbox.
func (s *Store) asks(b *batch) bool {
	if b.log.User == 0 || b.which == ownCopy {
		return false
	}
	in, seen := s.inboxes.Get(b.log.User)
	return !seen || in.guarded
}

// refusedBefore reports whether the receiver of the batch refused one of its senders, as far
// as this Store knows.
func (s *Store) refusedBefore(b *batch) bool {
	for _, d := range b.drafts {
		if _, was := s.refused.Get(pair{d.From, b.log.User}); b.guarded && was {
			return true
		}
	}
	return false
}

// recall makes the store check messages that a transaction has stored although the
// receiver's inbox has a guard. It refuses those that the receiver does not want.
func (s *Store) recall(ctx context.Context, receivers []*batch) {
	var ops []*op.Op
	var of []*batch
	for _, b := range receivers {
		if b.anyStored() && b.op.Script == nil && b.inbox.guarded {
			ops, of = append(ops, s.judging(b, recallStored)), append(of, b)
		}
	}
	s.Accept(ctx, "recall", ops...)
	for i, b := range of {
		b.recalled(ops[i])
	}
	for _, b := range receivers {
		s.remember(b)
	}
}

// anyStored reports whether a message of the batch was stored.
func (b *batch) anyStored() bool {
	for _, d := range b.drafts {
		if d.copy[b.which] != nil {
			return true
		}
	}
	return false
}

// judging returns the op that checks the stored messages of a batch. The parameter what is
// recallStored or uniteStored.
func (s *Store) judging(b *batch, what string) *op.Op {
	o := s.appending(b)
	o.Args[2] = 0 // the op is no first try any more
	for i := len(o.Args) - 5*len(b.drafts); i < len(o.Args); i += 5 {
		o.Args[i] = what
	}
	return o
}

// recalled refuses the messages that append.lua has found to be unwanted. If the store
// did not answer, the messages may be in the inbox with their texts. Then their error is
// ErrUnknown, so that they are sent again and checked.
func (b *batch) recalled(o *op.Op) {
	for i, d := range b.drafts {
		if d.copy[b.which] == nil {
			continue
		}
		err := o.Err
		if err == nil && len(o.Reply) == 7+3*len(b.drafts) {
			err = refusals[op.Text(o.Reply[8+3*i])]
		} else {
			err = ErrUnknown
		}
		if err != nil {
			d.copy[b.which], d.err[b.which] = nil, fmt.Errorf("inbox of %d: %w", b.log.User, err)
		}
	}
}

// remember notes which senders the receiver of the batch refuses.
func (s *Store) remember(b *batch) {
	for _, d := range b.drafts {
		p := pair{d.From, b.log.User}
		if unwanted(d.err[receiverCopy]) {
			s.refused.Put(p, struct{}{})
		} else if b.guarded && d.err[receiverCopy] == nil {
			s.refused.Drop(p)
		}
	}
}

// If the receiver's copy of a message was refused, recallOwn removes the text of the
// sender's own copy.
func (s *Store) recallOwn(ctx context.Context, drafts []*draft) {
	of := make(map[int64]*op.Op)
	var ops []*op.Op
	for _, d := range drafts {
		if d.copy[ownCopy] == nil || !unwanted(d.err[receiverCopy]) {
			continue
		}
		o := of[d.From]
		if o == nil {
			o = logref.Ref{User: d.From}.Script(recallScript, d.at-lookBack.Milliseconds())
			of[d.From] = o
			ops = append(ops, o)
		}
		o.Args = append(o.Args, d.key)
		d.copy[ownCopy] = nil
	}
	s.Accept(ctx, "recall", ops...)
}
