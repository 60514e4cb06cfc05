package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// delay sends "<text> <seconds>" later. The text may be private, as a line may.
func (c *chat) delay(ctx context.Context, args string) error {
	text, wait, ok := splitDelay(args)
	if !ok {
		c.screen.print(fmt.Sprintf("! type :delay <text> <seconds>, at most %d seconds.", int(longestWait.Seconds())))
		return nil
	}
	m, ok := c.address(ctx, text)
	if !ok {
		return nil
	}
	c.later.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			c.enqueue(ctx, m)
		case <-ctx.Done():
			c.screen.print("! not sent to " + m.whom + ", because you left before its time: " + cleanText(m.message.Text))
		}
	})
	c.screen.print(fmt.Sprintf("Your message to %s goes out in %s.", m.whom, wait))
	return nil
}

// splitDelay reads "<text> <seconds>": the last word is the time.
func splitDelay(args string) (text string, wait time.Duration, ok bool) {
	i := strings.LastIndexByte(args, ' ')
	if i < 0 {
		return "", 0, false
	}
	seconds, err := strconv.Atoi(args[i+1:])
	if err != nil || seconds < 0 || seconds > int(longestWait.Seconds()) {
		return "", 0, false
	}
	return strings.TrimSpace(args[:i]), time.Duration(seconds) * time.Second, true
}
