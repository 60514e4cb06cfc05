package chat

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/kyokomi/emoji/v2"
)

const (
	listMax     = 100 // how many users one command shows
	foundMax    = 20  // how many messages one search shows
	emojiPage   = 20
	lookupLimit = 10 * time.Second
)

// command is a command of the terminal. Its line begins with a colon.
type command struct {
	name, args, help string
	do               func(*chat, context.Context, string) error // returns errQuit to end the chat; nil: the chat goes on
}

// commands returns all commands, in the order in which :all shows them.
func commands() []command {
	return []command{
		{":all", "", "show this help", (*chat).help},
		{":olu", "", "list who is online", (*chat).online},
		{":pu", "<prefix>", "list who is online and has a name that begins so", (*chat).online},
		{":q", "<word>", "search your history", (*chat).search},
		{":groups", "", "list your groups", (*chat).groups},
		{":group", "create <name>", "make a group", (*chat).createGroup},
		{":join", "<id>", "join a group whose id somebody gave you", (*chat).joinGroup},
		{":leave", "<group>", "leave a group", (*chat).leaveGroup},
		{":invited", "accept|decline <id>", "list who invited you to groups, accept or decline", (*chat).invitations},
		{":members", "<group>", "list who is in a group of yours", (*chat).groupMembers},
		{":add", "<group>;;<user>", "add a user to a group of yours", (*chat).addMember},
		{":remove", "<group>;;<user>", "remove a user from a group of yours", (*chat).removeMember},
		{":role", "<group>;;<user> <role>", "make a user owner, admin, member or read-only", (*chat).giveRole},
		{":contacts", "in|out|blocked", "list your contacts, requests or blocked users", (*chat).contacts},
		{":contact", "<user>;;<text>", "ask a user to be a contact", (*chat).requestContact},
		{":accept", "<user>", "accept a user who asks", (*chat).acceptContact},
		{":decline", "<user>", "decline a user who asks, or take your own request back", (*chat).declineContact},
		{":remark", "<user>;;<name>", "give a contact a name that only you see", (*chat).remarkContact},
		{":forget", "<user>", "end a contact, for both of you", (*chat).removeContact},
		{":block", "<user>", "take nothing from a user any more", (*chat).block},
		{":unblock", "<user>", "take messages from that user again", (*chat).unblock},
		{":report", "<user>;;<reason> <note>", "report the last text of a user: spam, abuse, illegal or other", (*chat).report},
		{":reports", "", "list what users report, for moderators", (*chat).reports},
		{":decide", "<id> dismiss|resolve <note>", "close a report, for moderators", (*chat).decide},
		{":allow", "write|add|find <who>", "say who may write to you, add you to groups, find you", (*chat).allow},
		{":emoji", "<page>", "list emoji and their aliases", (*chat).emojis},
		{":delay", "<text> <seconds>", "have a text sent later, whether you are here then or not", (*chat).delay},
		{":delayed", "", "list what is still to be sent", (*chat).delayed},
		{":cancel", "<number>", "take back what is still to be sent", (*chat).cancel},
		{":marks", "on|off", "say when private messages of yours were shown", (*chat).setMarks},
		{":ai", "", "let a toy answer you instead of sending", (*chat).startAnswering},
		{":qai", "", "leave the toy answer mode", (*chat).stopAnswering},
		{":sessions", "", "list your devices that are logged in", (*chat).sessions},
		{":end", "<device>|others", "log out another device of yours, or all others", (*chat).end},
		{passwordCommand, "", "change your password, which logs out all other devices", (*chat).changePassword},
		{":export", "<file>", "write all that the servers have of you to a new file", (*chat).export},
		{deleteCommand, "<name>", "delete your account, which has this name, for good", (*chat).deleteAccount},
		{":info", "", "show who you are and where you are connected", (*chat).info},
		{":q!", "", "quit", func(*chat, context.Context, string) error { return errQuit }},
	}
}

// obey carries out a line. It returns errQuit if the user quits, or nil if the chat goes
// on.
func (c *chat) obey(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	if !isCommand(line) {
		c.text(ctx, line)
		return nil
	}
	name, args, _ := strings.Cut(line, " ")
	for _, cmd := range commands() {
		if cmd.name == name {
			return cmd.do(c, ctx, strings.TrimSpace(args))
		}
	}
	c.screen.print("! there is no command " + CleanLine(name) + ". :all shows every command.")
	return nil
}

// isCommand reports whether a line is a command, and not a text that begins with an emoji
// alias.
func isCommand(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	return line[0] == ':' && strings.IndexByte(word[1:], ':') < 0
}

// text sends a line. In the answer mode, it does not send the line, but answers it here.
func (c *chat) text(ctx context.Context, line string) {
	if c.answering {
		c.screen.print("toy: " + cleanText(toyAnswer(line)))
		return
	}
	if m, ok := c.address(ctx, line); ok {
		c.enqueue(ctx, m)
	}
}

func (c *chat) enqueue(ctx context.Context, m outgoing) {
	select {
	case c.sends <- m:
	case <-ctx.Done():
		c.screen.print(c.notSent(m, context.Cause(ctx)))
	}
}

// address returns the message that a line contains, with its receiver. "id;;text" and
// "name;;text" go to one user, and "g9;;text" to the group with the id 9. "#friends;;text"
// goes to the user's own group of that name. Any other line goes to everyone. If there is
// no such user or group, address prints that and returns false. A user whose name is g9
// can be addressed only by id.
func (c *chat) address(ctx context.Context, line string) (outgoing, bool) {
	whom, text, private := strings.Cut(line, ";;")
	whom = strings.TrimSpace(whom)
	if !private || whom == "" {
		return outgoing{client.Outgoing{Group: proto.Everyone, Text: line}, "everyone"}, true
	}
	if text = strings.TrimSpace(text); text == "" {
		c.screen.print("! there is no text behind ;; to send.")
		return outgoing{}, false
	}
	if id, err := strconv.ParseInt(whom, 10, 64); err == nil {
		return c.private(id, whom, text), true
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if _, ok := groupID(whom); ok || whom[0] == '#' {
		id, err := c.findGroup(ctx, whom)
		if err != nil {
			c.screen.print(c.notSent(outgoing{whom: CleanLine(whom)}, err))
			return outgoing{}, false
		}
		return outgoing{client.Outgoing{Group: id, Text: text}, CleanLine(whom)}, true
	}
	u, err := c.findUser(ctx, whom)
	if err != nil {
		c.screen.print(c.notSent(outgoing{whom: CleanLine(whom)}, err))
		return outgoing{}, false
	}
	return c.private(u.User, CleanLine(u.Name), text), true
}

// findUser returns the account whose id or name was typed.
func (c *chat) findUser(ctx context.Context, typed string) (client.User, error) {
	if id, err := strconv.ParseInt(typed, 10, 64); err == nil {
		return client.User{User: id}, nil
	}
	return c.cfg.Client.UserByName(ctx, typed)
}

func (c *chat) help(context.Context, string) error {
	lines := []string{
		fmt.Sprintf("%-24s %s", "<text>", "send to everyone"),
		fmt.Sprintf("%-24s %s", "<id or name>;;<text>", "send to one user"),
		fmt.Sprintf("%-24s %s", "#<name>;;<text>", "send to a group of yours; g<id> is a group, too"),
	}
	for _, cmd := range commands() {
		lines = append(lines, fmt.Sprintf("%-24s %s", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.help))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

func (c *chat) online(ctx context.Context, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	page, err := c.cfg.Client.OnlinePage(ctx, prefix, 0, listMax)
	if err != nil {
		c.screen.print(failed("list who is online", err))
		return nil
	}
	var lines []string
	for _, u := range page.Users {
		lines = append(lines, label(u))
	}
	switch {
	case len(page.Users) == 0:
		lines = append(lines, "Nobody is online whose name begins with "+strconv.Quote(prefix)+".")
	case page.Next != 0:
		lines = append(lines, fmt.Sprintf("%d are online; these are the first. :pu <prefix> narrows them down.", page.Total))
	case prefix == "":
		lines = append(lines, fmt.Sprintf("%d online.", page.Total))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

func (c *chat) search(ctx context.Context, word string) error {
	switch {
	case word == "":
		c.screen.print("! what should I search for? :q <word> searches, :q! quits.")
		return nil
	case c.cfg.History == nil:
		c.screen.print("! no history is kept in this session, so there is nothing to search.")
		return nil
	}
	found, err := c.cfg.History.Search(word, foundMax)
	if err != nil {
		c.screen.print(failed("search", err))
		return nil
	}
	if len(found) == 0 {
		c.screen.print("Nothing in your history has " + strconv.Quote(word) + " in it.")
		return nil
	}
	var lines []string
	for _, m := range found {
		day := time.UnixMilli(m.Time).In(c.cfg.Zone).Format(time.DateOnly)
		lines = append(lines, c.screen.dim(day)+" "+c.message(ctx, m))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

func (c *chat) emojis(_ context.Context, arg string) error {
	aliases := slices.Sorted(maps.Keys(emoji.CodeMap()))
	pages := (len(aliases) + emojiPage - 1) / emojiPage
	page := 1
	if arg != "" {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 || n > pages {
			c.screen.print(fmt.Sprintf("! the page is a number from 1 to %d.", pages))
			return nil
		}
		page = n
	}
	first := (page - 1) * emojiPage
	var lines []string
	for _, alias := range aliases[first:min(first+emojiPage, len(aliases))] {
		lines = append(lines, emoji.CodeMap()[alias]+"  "+alias)
	}
	lines = append(lines, fmt.Sprintf("Page %d of %d.", page, pages))
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

func (c *chat) info(context.Context, string) error {
	u, s := c.cfg.Client.Self(), c.cfg.Client.State()
	where := "not connected"
	if s.Connected() {
		where = fmt.Sprintf("connected to %s at %s", s.Node.ID, s.Node.Address)
	} else if s.Err != nil {
		where += ": " + reason(s.Err)
	}
	c.screen.print(fmt.Sprintf("%s (%d) on device %s, %s.", CleanLine(u.Name), u.User, c.cfg.Client.Device(), where))
	return nil
}
