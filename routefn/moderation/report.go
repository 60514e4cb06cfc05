package moderation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/reports"
)

// Requests has the requests about reported messages. All fields are required. It is safe
// for concurrent use.
type Requests struct {
	Store *record.Store
}

// Report is POST /v1/report. It reports a message that the caller may read.
func (r *Requests) Report(ctx context.Context, caller token.Token, q proto.ReportMessage) (proto.MessageReported, error) {
	if err := checkReport(caller.User, q); err != nil {
		return proto.MessageReported{}, err
	}
	if err := r.Store.Charge(ctx, record.ReportBudget, 1); err != nil {
		return proto.MessageReported{}, err
	}
	stored, err := r.read(ctx, caller.User, q.At)
	if err != nil {
		return proto.MessageReported{}, err
	}
	filing := reports.Filing{User: caller.User, Reason: q.Reason, Note: q.Note, At: q.At, Stored: stored}
	return proto.MessageReported{}, r.Store.Reports().File(ctx, filing)
}

func checkReport(caller int64, q proto.ReportMessage) error {
	switch q.Reason {
	case proto.ReasonSpam, proto.ReasonAbuse, proto.ReasonIllegal, proto.ReasonOther:
	default:
		return check.Invalid("A reason is spam, abuse, illegal or other.")
	}
	if err := note(q.Note); err != nil {
		return err
	}
	if err := check.Pull(q.At, 1); err != nil {
		return err
	}
	from, id, err := proto.ParseKey(q.At.Key)
	if err != nil || q.At.Number == 0 || !proto.ValidID(id) {
		return check.Invalid("The message is named by its log, epoch, number and key.")
	}
	if from == caller {
		return check.Invalid("That is your own message.")
	}
	return nil
}

// note checks a note of a reporter or a moderator.
func note(text string) error {
	if len(text) > proto.MaxReportNote || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return check.Invalid("The note is longer than 500 bytes, or has control characters.")
	}
	return nil
}

// read reads a message by the rules for a pull of the caller. The error is
// reports.ErrNoMessage if the message does not exist, and also if the caller may not read
// it.
func (r *Requests) read(ctx context.Context, caller int64, at proto.Position) (*proto.Stored, error) {
	before := proto.Position{Log: at.Log, Epoch: at.Epoch, Number: at.Number - 1}
	pulled, err := r.Store.Pull(ctx, caller, before, 1)
	switch {
	case errors.Is(err, record.ErrNoGroup), errors.Is(err, record.ErrNotMember), errors.Is(err, record.ErrDiverged):
		return nil, fmt.Errorf("report of %d: %w", caller, reports.ErrNoMessage)
	case err != nil:
		return nil, err
	case len(pulled.Entries) == 1 && isText(pulled.Entries[0], at):
		return pulled.Entries[0], nil
	}
	return nil, fmt.Errorf("report of %d: %w", caller, reports.ErrNoMessage)
}

// isText reports whether an entry is the message that a caller names.
func isText(e *proto.Stored, at proto.Position) bool {
	m, err := e.Message()
	return err == nil && m.Kind == proto.Kind_TEXT && m.At == at
}
