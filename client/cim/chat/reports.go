package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// reportsMax is how many reports one command shows.
const reportsMax = 20

// report reports the last text of a user that this terminal has shown.
func (c *chat) report(ctx context.Context, args string) error {
	const usage = ":report <user>;;spam|abuse|illegal|other <note>"
	whom, why, _ := strings.Cut(args, ";;")
	reason, note, _ := strings.Cut(strings.TrimSpace(why), " ")
	switch {
	case reason == "":
		c.screen.print("! type " + usage + ".")
		return nil
	case c.cfg.History == nil:
		c.screen.print("! no history is kept in this session, so nobody knows which text you mean.")
		return nil
	}
	return c.withUser(ctx, usage, "report", whom, func(ctx context.Context, user int64) (string, error) {
		last, err := c.cfg.History.From(user, 1)
		if err != nil {
			return "", err
		}
		if len(last) == 0 {
			return "! your history has no text of that user.", nil
		}
		err = c.cfg.Client.Report(ctx, last[0], reason, strings.TrimSpace(note))
		return "Reported to the moderators: " + c.message(ctx, last[0]), err
	})
}

// reports lists the open reports.
func (c *chat) reports(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	page, err := c.cfg.Client.ReportsPage(ctx, 0, reportsMax)
	if err != nil {
		c.screen.print(failed("list reports", err))
		return nil
	}
	var lines []string
	for _, one := range page.Reports {
		lines = append(lines, ReportText(one, c.cfg.Zone))
	}
	switch {
	case len(lines) == 0:
		lines = append(lines, "There is no open report.")
	case page.Next != 0:
		lines = append(lines, fmt.Sprintf("%d in all; these are the oldest %d.", page.Total, len(lines)))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

// decide closes a report.
func (c *chat) decide(ctx context.Context, args string) error {
	id, rest, _ := strings.Cut(args, " ")
	decision, note, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if decision == "" {
		c.screen.print("! type :decide <id> dismiss or :decide <id> resolve <what you did>. :reports lists the ids.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := c.cfg.Client.CloseReport(ctx, id, decision, strings.TrimSpace(note)); err != nil {
		c.screen.print(failed("close the report", err))
		return nil
	}
	c.screen.print("The report is closed.")
	return nil
}

// ReportText returns the lines that show a report, with the times in the given time zone:
//
//	0a47d80b25664eefa6898b57  2026-11-30 15:04:05  bob (8) to user 42: buy this
//	    reported by 2: spam, abuse (every day)
func ReportText(r client.Report, zone *time.Location) string {
	m := r.Message
	to := fmt.Sprint("user ", m.To)
	switch m.Group {
	case 0:
	case proto.Everyone:
		to = "everyone"
	default:
		to = fmt.Sprint("group g", m.Group)
	}
	reasons := make([]string, len(r.Statements))
	for i, s := range r.Statements {
		reasons[i] = CleanLine(s.Reason)
		if s.Note != "" {
			reasons[i] += " (" + CleanLine(s.Note) + ")"
		}
	}
	return fmt.Sprintf("%s  %s  %s (%d) to %s: %s\n    reported by %d: %s", CleanLine(r.ID),
		time.UnixMilli(m.Time).In(zone).Format(time.DateTime), CleanLine(m.FromName), m.From, to, cleanText(m.Text),
		r.Users, strings.Join(reasons, ", "))
}
