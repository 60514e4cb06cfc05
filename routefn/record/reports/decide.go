package reports

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/record/op"
)

// If users report a message while somebody decides about it, the decision is tried again,
// decideTries times in all.
const decideTries = 5

// errChanged is the error of a decision about a report that has changed since it was read.
var errChanged = fmt.Errorf("%w: more users report it at the same time", op.ErrUnavailable)

// Decision closes a report.
type Decision struct {
	Report string // id
	By     int64  // the moderator; zero: an operator at the store
	Word   string // proto.DecisionDismiss or one like it
	Note   string // may be empty
}

// Decided has the author of a message about which somebody has decided, and its group.
type Decided struct {
	From  int64 // who wrote the message
	Group int64 // the group to which it was written; zero: it was written to a user
}

// Decide closes a report, and removes its text and its reporters. For the time Life, the
// store remembers the decision about the message, so further reports of it change
// nothing. If two moderators decide at the same time, one of them gets ErrDecided.
// Repeating a decision is harmless. The error is ErrNoReport, ErrDecided,
// op.ErrUnavailable or op.ErrUnknown.
func (r *Reports) Decide(ctx context.Context, d Decision) (done Decided, err error) {
	err = ErrNoReport
	if validID(d.Report) {
		err = errChanged
	}
	for try := 0; try < decideTries && errors.Is(err, errChanged); try++ {
		done, err = r.decide(ctx, d)
	}
	if err != nil {
		return Decided{}, fmt.Errorf("decide about report %s: %w", d.Report, err)
	}
	return done, nil
}

func (r *Reports) decide(ctx context.Context, d Decision) (Decided, error) {
	key := reportKey(d.Report)
	read := op.Read(key, []any{"hgetall", key})
	r.db.Run(ctx, "reports", read)
	if read.Err != nil {
		return Decided{}, read.Err
	}
	one, err := parse(d.Report, read.Reply[0])
	if err != nil {
		return Decided{}, err
	}
	o := &op.Op{
		Key: openKey, Script: decideScript, Keys: []string{openKey, key}, Write: true,
		Args: []any{d.Report, one.version, d.By, d.Word, d.Note, one.Message.From, one.Message.Group, Life.Milliseconds()},
	}
	for _, s := range one.Statements {
		o.Keys = append(o.Keys, userKey(s.User))
	}
	r.db.Accept(ctx, "decide", o)
	if o.Err != nil {
		return Decided{}, o.Err
	}
	switch op.Text(o.Reply[0]) {
	case "none":
		return Decided{}, ErrNoReport
	case "changed":
		return Decided{}, errChanged
	case "decided":
		return Decided{}, ErrDecided
	}
	return Decided{From: op.Integer(o.Reply[1]), Group: op.Integer(o.Reply[2])}, nil
}
