package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// message returns the line that shows a message:
//
//	15:04:05 bob: hello
//	15:04:05 [private] bob: hi
//	15:04:05 [private] you to bob: hi
//	15:04:05 [#friends] bob: hi
//	15:04:05 * bob joined #friends
//	15:04:05 * you were removed from #friends
func (c *chat) message(ctx context.Context, m client.Message) string {
	clock := time.UnixMilli(m.Time).In(c.cfg.Zone).Format("15:04:05")
	if m.Kind != proto.Kind_TEXT {
		return c.screen.dim(fmt.Sprintf("%s * %s %s %s", clock, c.name(m), c.change(m), c.groupName(ctx, m.Group)))
	}
	return c.screen.dim(clock) + " " + c.who(ctx, m) + " " + cleanText(m.Text)
}

// change returns the text that says what happened to the sender in a group.
func (c *chat) change(m client.Message) string {
	passive := "was"
	if m.From == c.cfg.Client.Self().User {
		passive = "were"
	}
	switch joined := m.Kind == proto.Kind_JOIN; {
	case joined && m.By == 0:
		return "joined"
	case joined:
		return passive + " added to"
	case m.By == 0:
		return "left"
	default:
		return passive + " removed from"
	}
}

// name returns the name of the sender.
func (c *chat) name(m client.Message) string {
	if m.From == c.cfg.Client.Self().User {
		return "you"
	}
	return CleanLine(m.FromName)
}

// who returns the text that names the sender and the conversation of a message.
func (c *chat) who(ctx context.Context, m client.Message) string {
	self, from := c.cfg.Client.Self().User, c.name(m)
	switch {
	case m.Group == proto.Everyone:
		return c.screen.bold(from) + ":"
	case m.Group != 0:
		return fmt.Sprintf("[%s] %s:", c.groupName(ctx, m.Group), c.screen.bold(from))
	case m.From == self && m.To != self:
		return fmt.Sprintf("[private] %s to %d:", c.screen.bold(from), m.To)
	default:
		return fmt.Sprintf("[private] %s:", c.screen.bold(from))
	}
}

// happening returns the line for an event, or nothing for an event that the terminal does
// not show. Such an event is the end of the client, because the caller of Run reports that
// end.
func happening(e client.Event) string {
	switch e := e.(type) {
	case client.Connected:
		return "* " + e.String()
	case client.Disconnected:
		return "* " + retrying(e)
	case client.Trimmed:
		return "* " + e.String()
	default:
		return ""
	}
}

func retrying(e client.Disconnected) string {
	if e.RetryIn < 100*time.Millisecond {
		return "connection lost (" + reason(e.Err) + "), connecting again"
	}
	return fmt.Sprintf("no connection (%s), trying again in %s", reason(e.Err), e.RetryIn.Round(100*time.Millisecond))
}

// reason returns the cause of a failure in a few words.
func reason(err error) string {
	var code *proto.Error
	switch {
	case errors.As(err, &code):
		return code.Code.String()
	case errors.Is(err, client.ErrNoRoute):
		return "no route answers"
	default:
		return CleanLine(err.Error())
	}
}

// notSent returns a text for a message that was not sent. The text gives the reason and
// tells the user what to do.
func (c *chat) notSent(m outgoing, err error) string {
	var code *proto.Error
	what := "! not sent to " + m.whom + ": "
	switch {
	case errors.Is(err, client.ErrOutcomeUnknown):
		return "! your message to " + m.whom + " may or may not have arrived: the connection ended first. Ask before you send it again."
	case !errors.As(err, &code):
		return what + CleanLine(err.Error())
	}
	switch code.Code {
	case proto.UnknownUser:
		return what + "there is no such user. :olu lists who is online."
	case proto.TooLarge:
		return what + "the text is too long. Send it in parts."
	case proto.NotMember:
		return what + "you are not a member. :join <id> makes you one."
	case proto.UnknownGroup:
		return what + "there is no such group. :groups lists yours."
	default:
		return what + CleanLine(code.Error())
	}
}

// failed returns the text that says that a command failed.
func failed(what string, err error) string {
	var code *proto.Error
	if errors.As(err, &code) {
		return "! cannot " + what + ": " + CleanLine(code.Error())
	}
	return "! cannot " + what + ": " + reason(err) + ". Try again in a moment."
}

func (c *chat) greet() {
	u := c.cfg.Client.Self()
	c.screen.print(fmt.Sprintf("You are %s (%d). Type a text for everyone, or id;;text for one user. :all shows every command.",
		CleanLine(u.Name), u.User))
}

// label returns the text for a user in lists.
func label(u client.User) string {
	return fmt.Sprintf("%-16s  %s", strconv.FormatInt(u.User, 10), CleanLine(u.Name))
}
