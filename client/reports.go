package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/cim-go/cim/proto"
)

// Report is a message that users have reported, as moderators see it.
type Report = proto.Report

// ReportsPage is one page of open reports, the oldest first.
type ReportsPage = proto.ReportsAnswer

// Report reports a message that was shown to this user to the moderators. The reason is
// proto.ReasonSpam, ReasonAbuse, ReasonIllegal or ReasonOther. The note is a line of
// proto.MaxReportNote bytes at most, and may be empty. Reporting a message again changes
// nothing. The error has the code proto.UnknownMessage if the message is not kept any
// more, proto.Limited after too many reports, and proto.TooMany if too many reports wait
// for a decision.
func (c *Client) Report(ctx context.Context, m Message, reason, note string) error {
	at := m.At
	at.Key = m.Key()
	var out proto.MessageReported
	in := proto.ReportMessage{At: at, Reason: reason, Note: note}
	if err := c.account.call(ctx, http.MethodPost, proto.PathReport, in, &out); err != nil {
		return fmt.Errorf("report %s: %w", at.Key, err)
	}
	return nil
}

// Reports returns the open reports, the oldest first. It reads the next page from the route
// whenever the iteration needs it. An error ends the iteration. It has the code
// proto.Forbidden unless this user is a moderator or an operator.
func (c *Client) Reports(ctx context.Context) iter.Seq2[Report, error] {
	return pages(func(after int64) ([]Report, int64, error) {
		page, err := c.ReportsPage(ctx, after, 0)
		return page.Reports, page.Next, err
	})
}

// ReportsPage returns at most limit open reports that follow a place, which is zero or the
// Next of the page before. If limit is zero, the route chooses it. A page has 50 at most.
func (c *Client) ReportsPage(ctx context.Context, after int64, limit int) (ReportsPage, error) {
	q := make(url.Values)
	setPage(q, after, limit)
	var page ReportsPage
	if err := c.account.call(ctx, http.MethodGet, proto.PathReports+"?"+q.Encode(), nil, &page); err != nil {
		return ReportsPage{}, fmt.Errorf("list reports: %w", err)
	}
	return page, nil
}

// CloseReport closes a report by a decision: proto.DecisionDismiss, or
// proto.DecisionResolve with a note that says what was done. Closing a report again in the
// same way changes nothing. The error has the code proto.Decided if another moderator was
// faster, and proto.UnknownReport if the report does not exist any more. It has the code
// proto.Forbidden unless this user is a moderator or an operator.
func (c *Client) CloseReport(ctx context.Context, report, decision, note string) error {
	var out proto.ReportClosed
	in := proto.CloseReport{ID: report, Decision: decision, Note: note}
	if err := c.account.call(ctx, http.MethodPost, proto.PathReportClose, in, &out); err != nil {
		return fmt.Errorf("close report %s: %w", report, err)
	}
	return nil
}
