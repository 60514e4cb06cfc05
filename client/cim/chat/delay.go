package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// later is a message that the servers send when it is due. The user names it by its
// number, which counts from 1. The number stays the same as long as this terminal is open.
type later struct {
	id, line string
}

// delay passes a message to the servers, which send it later. The argument of the command
// is "<text> <seconds>". As in a usual line, the text may begin with a receiver.
func (c *chat) delay(ctx context.Context, args string) error {
	text, wait, ok := splitDelay(args)
	if !ok {
		c.screen.print(fmt.Sprintf("! type :delay <text> <seconds>, at most %d seconds.", int(proto.MaxAhead.Seconds())))
		return nil
	}
	m, ok := c.address(ctx, text)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	s, err := c.cfg.Client.ScheduleAfter(ctx, m.message, wait)
	if err != nil {
		c.screen.print(c.notSent(m, err))
		return nil
	}
	n := c.number(s.ID, m.whom+": "+cleanText(m.message.Text))
	c.screen.print(fmt.Sprintf("Your message to %s goes out at %s. :cancel %d takes it back.", m.whom, c.when(s.Due), n))
	return nil
}

// splitDelay reads "<text> <seconds>". The last word is the time.
func splitDelay(args string) (text string, wait time.Duration, ok bool) {
	i := strings.LastIndexByte(args, ' ')
	if i < 0 {
		return "", 0, false
	}
	seconds, err := strconv.Atoi(args[i+1:])
	if err != nil || seconds < 0 || seconds > int(proto.MaxAhead.Seconds()) {
		return "", 0, false
	}
	return strings.TrimSpace(args[:i]), time.Duration(seconds) * time.Second, true
}

// number returns the number of a delayed message, and gives it one if it has none.
func (c *chat) number(id, line string) int {
	for i, l := range c.laters {
		if l.id == id {
			return i + 1
		}
	}
	c.laters = append(c.laters, later{id, line})
	return len(c.laters)
}

// when returns a time of day, and also the date unless it is today.
func (c *chat) when(ms int64) string {
	t, now := time.UnixMilli(ms).In(c.cfg.Zone), time.Now().In(c.cfg.Zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// delayed lists the delayed messages that are still to be sent, and those that were
// dropped.
func (c *chat) delayed(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	page, err := c.cfg.Client.ScheduledPage(ctx, "", listMax)
	if err != nil {
		c.screen.print(failed("list your delayed messages", err))
		return nil
	}
	var lines []string
	for _, m := range page.Messages {
		line := c.receiver(ctx, m) + ": " + cleanText(m.Text)
		lines = append(lines, fmt.Sprintf("%-3d %s to %s", c.number(m.ID, line), c.when(m.Due), line))
	}
	if page.Next != "" {
		lines = append(lines, "There are more; these are the first.")
	}
	for _, m := range page.Dropped {
		lines = append(lines, c.dropped(m))
	}
	if len(lines) == 0 {
		lines = append(lines, "No message of yours waits to be sent.")
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

// dropped returns a line with the reason why a message was not sent. The line has the
// message's text if the message was scheduled or listed in this terminal.
func (c *chat) dropped(m client.Scheduled) string {
	what := "a delayed message"
	for _, l := range c.laters {
		if l.id == m.ID {
			what = "your message to " + l.line
		}
	}
	return fmt.Sprintf("! not sent at %s, %s (%s)", c.when(m.Due), what, m.Code)
}

func (c *chat) receiver(ctx context.Context, m client.Scheduled) string {
	switch m.Group {
	case 0:
		return strconv.FormatInt(m.To, 10)
	case proto.Everyone:
		return "everyone"
	default:
		return c.groupName(ctx, m.Group)
	}
}

// cancel cancels a delayed message.
func (c *chat) cancel(ctx context.Context, args string) error {
	n, err := strconv.Atoi(args)
	if err != nil || n < 1 || n > len(c.laters) {
		c.screen.print("! type :cancel <number>. :delayed lists what waits, with its numbers.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := c.cfg.Client.CancelScheduled(ctx, c.laters[n-1].id); err != nil {
		c.screen.print(failed("take it back", err))
		return nil
	}
	c.screen.print("Taken back, to " + c.laters[n-1].line)
	return nil
}
