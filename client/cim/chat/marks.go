package chat

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"

	"github.com/cim-go/cim/client"
)

// markedKept is how many messages may wait for their marks. If there are more, the oldest
// one is forgotten.
const markedKept = 256

// marks has the private messages from this terminal whose delivery marks the user wants to
// see. The goroutine that reads lines adds messages, and the goroutine that shows events
// removes them.
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

// private returns a message to one user. In the mark mode, it asks for a delivery mark.
func (c *chat) private(to int64, whom, text string) outgoing {
	m := outgoing{client.Outgoing{To: to, Text: text}, whom}
	c.marks.mu.Lock()
	defer c.marks.mu.Unlock()
	if !c.marks.on || to == c.cfg.Client.Self().User {
		return m
	}
	// The mark may come before the answer that has the id, so the id is chosen here.
	m.message.ID, m.message.Confirm = strings.ToLower(rand.Text()), true
	c.marks.sent = append(c.marks.sent, marked{m.message.ID, to, whom + ": " + cleanText(text)})
	c.marks.sent = c.marks.sent[max(0, len(c.marks.sent)-markedKept):]
	return m
}

// delivered returns the line for a mark. For a mark that this terminal does not expect, it
// returns nothing, because other clients may invent marks.
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
