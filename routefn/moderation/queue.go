package moderation

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/reports"
)

// mostListed is the largest number of reports in a page. Their texts have a few MB at
// most.
const mostListed = 50

// permit returns an error unless the caller is a moderator or an operator.
func (r *Requests) permit(ctx context.Context, caller token.Token) error {
	has, err := r.Store.SystemRole(ctx, caller.User)
	if err == nil && !has.MayModerate() {
		err = record.ErrForbidden
	}
	return err
}

// List is GET /v1/reports. It returns a page of the open reports, the oldest first.
func (r *Requests) List(ctx context.Context, caller token.Token, q url.Values) (*proto.ReportsAnswer, error) {
	page, err := check.ParsePage(q)
	if err != nil {
		return nil, err
	}
	if err := r.permit(ctx, caller); err != nil {
		return nil, err
	}
	list, next, total, err := r.Store.Reports().List(ctx, page.After, min(page.Limit, mostListed))
	if err != nil {
		return nil, err
	}
	answer := &proto.ReportsAnswer{Reports: make([]proto.Report, len(list)), Next: next, Total: total}
	for i, one := range list {
		answer.Reports[i] = Shown(one)
	}
	return answer, nil
}

// Shown returns a report in the form in which moderators get it.
func Shown(one reports.Report) proto.Report {
	m := one.Message
	answer := proto.Report{
		ID: one.ID, Users: len(one.Statements),
		Message: proto.ReportedMessage{ID: m.ID, From: m.From, FromName: m.FromName, To: m.To, Group: m.Group, Text: m.Text, Time: m.Time},
	}
	for _, s := range one.Statements {
		answer.Statements = append(answer.Statements, proto.ReportStatement{Reason: s.Reason, Note: s.Note, Time: s.Time})
	}
	return answer
}

// Close is POST /v1/reports/close. It closes a report by a decision.
func (r *Requests) Close(ctx context.Context, caller token.Token, q proto.CloseReport) (proto.ReportClosed, error) {
	if err := CheckDecision(q); err != nil {
		return proto.ReportClosed{}, err
	}
	if err := r.permit(ctx, caller); err != nil {
		return proto.ReportClosed{}, err
	}
	decision := reports.Decision{Report: q.ID, By: caller.User, Word: q.Decision, Note: q.Note}
	decided, err := r.Store.Reports().Decide(ctx, decision)
	return proto.ReportClosed{From: decided.From, Group: decided.Group}, err
}

// CheckDecision returns an error with a text for people if there is no such decision, or if
// its note is missing or not valid.
func CheckDecision(q proto.CloseReport) error {
	switch {
	case q.Decision != proto.DecisionDismiss && q.Decision != proto.DecisionResolve:
		return check.Invalid("A decision is dismiss or resolve.")
	case q.Decision == proto.DecisionResolve && q.Note == "":
		return check.Invalid("To resolve a report needs a note that says what was done.")
	}
	return note(q.Note)
}
