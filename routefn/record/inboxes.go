package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// inboxes has the logs of accounts, for the packages below that need them.
type inboxes struct{ *Store }

// Begin returns the end of everyone's log. Its number is zero if there is no log.
func (s inboxes) Begin(ctx context.Context) (proto.Position, error) {
	o := newTail()
	tail(o, logref.Everyone, startField)
	s.Run(ctx, "register", o)
	if o.Err != nil {
		return proto.Position{}, o.Err
	}
	return endOf(logref.Everyone, o), nil
}

// KeepStart records where a new user begins in everyone's log. The caller must have read
// the position before anybody could log in to the account. Otherwise the user might miss
// entries that were written after a login. If KeepStart fails, the user may read the
// whole log.
func (s inboxes) KeepStart(ctx context.Context, user int64, at proto.Position) {
	if at.Number == 0 {
		return
	}
	hash := logref.Ref{User: user}.Hash()
	value := fmt.Sprintf("%s %d %s", at.Epoch, at.Number, at.Key)
	o := op.Write(hash, []any{"hset", hash, startField, value})
	if s.Run(ctx, "register", o); o.Err != nil {
		s.log.Debug("new user may read all that was said to everyone", "user", user, "err", o.Err)
	}
}

// MakeInboxes makes the inboxes of new accounts.
func (s inboxes) MakeInboxes(ctx context.Context, users []int64, again bool) {
	logs := make([]logref.Ref, len(users))
	for i, user := range users {
		logs[i] = logref.Ref{User: user}
	}
	for i, err := range s.makeLogs(ctx, logs, again) {
		if err != nil {
			s.log.Debug("log is left to be made later", "user", users[i], "err", err)
		}
	}
}

// Change sends ops[i] to the inbox of users[i], in the way of Accept. It makes those
// inboxes that do not exist, and then sends their ops again.
func (s inboxes) Change(ctx context.Context, name string, users []int64, ops []*op.Op) {
	logs := make([]logref.Ref, len(users))
	for i, user := range users {
		logs[i] = logref.Ref{User: user}
	}
	s.onLogsBy(ctx, s.Accept, name, logs, ops, true)
}
