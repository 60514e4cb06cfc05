package chat

import (
	"context"
	"fmt"
	"strings"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// contacts lists the user's contacts, requests or blocked users.
func (c *chat) contacts(ctx context.Context, which string) error {
	kinds := map[string]string{"": proto.RelationContact, "in": proto.RelationIncoming, "out": proto.RelationOutgoing, "blocked": proto.KindBlocked}
	kind, ok := kinds[which]
	if !ok {
		c.screen.print("! type :contacts, :contacts in, :contacts out or :contacts blocked.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	page, err := c.cfg.Client.ContactsPage(ctx, kind, 0, listMax)
	if err != nil {
		c.screen.print(failed("list them", err))
		return nil
	}
	var lines []string
	for _, x := range page.Contacts {
		line := label(client.User{User: x.User, Name: x.Name})
		if x.Remark != "" {
			line += " (" + CleanLine(x.Remark) + ")"
		}
		if x.Text != "" {
			line += ": " + CleanLine(x.Text)
		}
		lines = append(lines, line)
	}
	switch {
	case len(lines) == 0:
		lines = append(lines, "There is nobody.")
	case page.Next != 0:
		lines = append(lines, fmt.Sprintf("%d in all; these are the first %d.", page.Total, len(lines)))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

func (c *chat) requestContact(ctx context.Context, args string) error {
	whom, text, _ := strings.Cut(args, ";;")
	return c.withUser(ctx, ":contact <user>;;<text>", "ask", whom, func(ctx context.Context, user int64) (string, error) {
		state, err := c.cfg.Client.RequestContact(ctx, user, strings.TrimSpace(text))
		if state == proto.RelationContact {
			return "You are contacts.", err
		}
		return "You have asked. :contacts out lists whom you asked.", err
	})
}

func (c *chat) acceptContact(ctx context.Context, whom string) error {
	return c.withUser(ctx, ":accept <user>", "accept", whom, told(c.cfg.Client.AcceptContact, "You are contacts."))
}

func (c *chat) declineContact(ctx context.Context, whom string) error {
	return c.withUser(ctx, ":decline <user>", "decline", whom, told(c.cfg.Client.DeclineContact, "There is no request any more."))
}

func (c *chat) removeContact(ctx context.Context, whom string) error {
	return c.withUser(ctx, ":forget <user>", "end the contact", whom, told(c.cfg.Client.RemoveContact, "You are no contacts any more."))
}

func (c *chat) remarkContact(ctx context.Context, args string) error {
	whom, remark, _ := strings.Cut(args, ";;")
	return c.withUser(ctx, ":remark <user>;;<name>", "name the contact", whom, func(ctx context.Context, user int64) (string, error) {
		return "Only you see that name.", c.cfg.Client.RemarkContact(ctx, user, strings.TrimSpace(remark))
	})
}

func (c *chat) block(ctx context.Context, whom string) error {
	return c.withUser(ctx, ":block <user>", "block", whom, told(c.cfg.Client.Block, "Blocked. :unblock takes it back."))
}

func (c *chat) unblock(ctx context.Context, whom string) error {
	return c.withUser(ctx, ":unblock <user>", "unblock", whom, told(c.cfg.Client.Unblock, "No longer blocked."))
}

// told returns a function for withUser. That function calls the function do, and returns
// the text in the parameter done.
func told(do func(context.Context, int64) error, done string) func(context.Context, int64) (string, error) {
	return func(ctx context.Context, user int64) (string, error) { return done, do(ctx, user) }
}

// withUser passes the user whose id or name was typed to the function do. It prints the
// returned text or error.
func (c *chat) withUser(ctx context.Context, usage, what, typed string, do func(context.Context, int64) (string, error)) error {
	if typed = strings.TrimSpace(typed); typed == "" {
		c.screen.print("! type " + usage + ". :contacts lists your contacts.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	user, err := c.findUser(ctx, typed)
	done := ""
	if err == nil {
		done, err = do(ctx, user.User)
	}
	if err != nil {
		done = failed(what, err)
	}
	c.screen.print(done)
	return nil
}

// allow shows or changes who may write to the user, add them to groups, and find them.
func (c *chat) allow(ctx context.Context, args string) error {
	const usage = "! type :allow, :allow write everyone|contacts, " +
		":allow add everyone|contacts|nobody or :allow find everyone|contacts."
	var in client.Consent
	what, who, _ := strings.Cut(args, " ")
	switch what {
	case "":
	case "write":
		in.Write = strings.TrimSpace(who)
	case "add":
		in.Add = strings.TrimSpace(who)
	case "find":
		in.Find = strings.TrimSpace(who)
	default:
		what = "?"
	}
	if what == "?" || what != "" && in == (client.Consent{}) {
		c.screen.print(usage)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	var out client.Consent
	var err error
	if what == "" {
		out, err = c.cfg.Client.Consent(ctx)
	} else {
		out, err = c.cfg.Client.SetConsent(ctx, in)
	}
	if err != nil {
		c.screen.print(failed("do that", err))
		return nil
	}
	c.screen.print("Who may write to you: " + CleanLine(out.Write) + ". Who may add you to groups: " + CleanLine(out.Add) +
		". Who learns your name from your id: " + CleanLine(out.Find) + ".")
	return nil
}
