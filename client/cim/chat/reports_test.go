package chat

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// desk is a fake of the moderators' queue.
type desk struct{ open []client.Report }

func (d *desk) Report(_ context.Context, m client.Message, reason, note string) error {
	if reason == "boring" {
		return proto.Err(proto.Invalid, "")
	}
	group := int64(9 * len(d.open)) // the first one is private
	d.open = append(d.open, client.Report{
		ID: "0a47" + m.ID, Users: 1, Statements: []proto.ReportStatement{{Reason: reason, Note: note}},
		Message: proto.ReportedMessage{From: m.From, FromName: m.FromName, To: m.To, Group: group, Text: m.Text, Time: m.Time},
	})
	return nil
}

func (d *desk) ReportsPage(context.Context, int64, int) (client.ReportsPage, error) {
	page := client.ReportsPage{Reports: d.open, Total: int64(len(d.open))}
	if len(d.open) > 1 {
		page.Next = 5
	}
	return page, nil
}

func (d *desk) CloseReport(_ context.Context, report, _, _ string) error {
	if report != "0a47m1" {
		return proto.Err(proto.UnknownReport, "")
	}
	d.open = nil
	return nil
}

func TestReportsInTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, f, func(ty typist) {
			for _, line := range []string{
				":reports", ":report bob;;abuse every\x1b[2J day", ":reports", ":report 7;;spam", ":reports",
				":report bob", ":report ;;spam", ":report 99;;spam", ":report gary;;spam", ":report bob;;boring",
				":decide", ":decide 0a47m1", ":decide other dismiss", ":decide 0a47m1 resolve told bob to stop", ":reports",
			} {
				ty.types(line)
			}
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "reports.txt", got)
	})
}

func TestNothingIsReportedWithoutAHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			ty.types(":report bob;;spam")
			ty.types(":q!")
		})
		if err != nil || !strings.Contains(got, "no history") || len(f.open) != 0 {
			t.Errorf("run: %v, %s, reports %v", err, got, f.open)
		}
	})
}
