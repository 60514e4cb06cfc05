package chat

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"

	"github.com/cim-go/cim/client"
)

// markedKept is how many messages wait for their mark; then the oldest is
// forgotten.
const markedKept = 256

// marks are the private messages of this terminal whose delivery marks its user wants
// to see. The goroutine that reads lines adds to them, and the one that shows events
// removes from them.
type marks struct {
	mu   sync.Mutex
	on   bool
	sent []marked
}

type marked struct {
	id   string
	to   int64
	line string
}

// private returns a message to one user, which is to be confirmed in the mark mode.
func (c *chat) private(to int64, whom, text string) outgoing {
	m := outgoing{client.Outgoing{To: to, Text: text}, whom}
	c.marks.mu.Lock()
	defer c.marks.mu.Unlock()
	if !c.marks.on || to == c.cfg.Client.Self().User {
		return m
	}
	// The mark may come before the answer that tells the id.
	m.message.ID, m.message.Confirm = strings.ToLower(rand.Text()), true
	c.marks.sent = append(c.marks.sent, marked{m.message.ID, to, whom + ": " + cleanText(text)})
	c.marks.sent = c.marks.sent[max(0, len(c.marks.sent)-markedKept):]
	return m
}

// delivered returns the line for a mark, or nothing for one that this terminal does
// not wait for: others may make up what they like.
func (c *chat) delivered(d client.Delivered) string {
	c.marks.mu.Lock()
	defer c.marks.mu.Unlock()
	i := slices.IndexFunc(c.marks.sent, func(m marked) bool { return m.id == d.ID && m.to == d.To })
	if i < 0 {
		return ""
	}
	line := c.marks.sent[i].line
	c.marks.sent = slices.Delete(c.marks.sent, i, i+1)
	return "✓ shown to " + line
}

// setMarks turns the mark mode on or off.
func (c *chat) setMarks(_ context.Context, arg string) error {
	if arg != "on" && arg != "off" {
		c.screen.print("! type :marks on or :marks off.")
		return nil
	}
	c.marks.mu.Lock()
	c.marks.on = arg == "on"
	c.marks.mu.Unlock()
	if arg == "on" {
		c.screen.print("You will see when the private messages you send from now on were shown.")
	} else {
		c.screen.print("What you send from now on gets no marks.")
	}
	return nil
}
