package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/cimsource"
	"github.com/cim-go/cim/routefn/record/transfer"
)

const (
	receivers = 50    // how many users' lists are read at a time
	page      = 1_000 // how many messages of one list are read at a time
	fetched   = 2_000 // how many messages are in memory at a time
)

// FromCIM imports accounts from the Redis of CIM's own routes, and the messages there that
// wait for their receivers. It changes none of CIM's keys, so the databases in source and
// in cfg.Store may be the same. It blocks until all is done or ctx ends. After an error,
// the Result counts everything that was done before it. Another call continues the import.
// The ids of all accounts are in memory, eight bytes each.
func FromCIM(ctx context.Context, cfg Config, source *cimsource.Source) (Result, error) {
	im, err := newImporter(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	c := &fromCIM{importer: im, source: source}
	err = c.run(ctx)
	return c.Result, err
}

type fromCIM struct {
	*importer
	source *cimsource.Source
}

func (c *fromCIM) run(ctx context.Context) error {
	var users, waiting []int64
	err := c.again(ctx, func() (err error) {
		users, err = c.source.Users(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(users, step) {
		if err := c.meet(ctx, chunk); err != nil {
			return err
		}
	}
	c.listed = true
	err = c.again(ctx, func() (err error) {
		waiting, err = c.source.Receivers(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(waiting, receivers) {
		if err := c.lists(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// meet imports the accounts of those users whom the importer does not remember.
func (c *fromCIM) meet(ctx context.Context, users []int64) error {
	var strangers []int64
	for _, user := range users {
		if _, met := c.people[user]; !met {
			strangers = append(strangers, user)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	var had []cimsource.Account
	err := c.again(ctx, func() (err error) {
		had, err = c.source.Accounts(ctx, strangers)
		return err
	})
	if err != nil {
		return err
	}
	var list []record.Account
	for _, acc := range had {
		switch {
		case acc.Name == "":
			c.meetAs(acc.User, person{bad: "it has no account in CIM"})
		case acc.Owner != 0 && acc.Owner != acc.User:
			reason := fmt.Sprintf("CIM has two accounts of that name, and finds %d by it", acc.Owner)
			c.meetAs(acc.User, person{name: acc.Name, bad: reason})
			c.Accounts.Left++
			c.Left(Left{Kind: format.KindAccount, User: acc.User, Name: acc.Name, Reason: reason})
		default:
			list = append(list, acc.Account)
		}
	}
	return c.accounts(ctx, list, nil)
}

// part is a part of the list of messages that wait for a user.
type part struct {
	user int64
	ids  []string
}

// lists imports the messages that wait for the given users.
func (c *fromCIM) lists(ctx context.Context, users []int64) error {
	if err := c.meet(ctx, users); err != nil {
		return err
	}
	var parts []part
	size := 0
	add := func(p part) error {
		parts, size = append(parts, p), size+len(p.ids)
		if size < fetched {
			return nil
		}
		err := c.take(ctx, parts)
		parts, size = nil, 0
		return err
	}
	for from := 0; len(users) > 0; from += page {
		var lists [][]string
		err := c.again(ctx, func() (err error) {
			lists, err = c.source.Waiting(ctx, users, from, page)
			return err
		})
		if err != nil {
			return err
		}
		var more []int64
		for i, ids := range lists {
			if len(ids) == page {
				more = append(more, users[i])
			}
			if err := add(part{users[i], ids}); err != nil {
				return err
			}
		}
		users = more
	}
	return c.take(ctx, parts)
}

// take imports the messages of these parts. The messages of each user stay in order.
func (c *fromCIM) take(ctx context.Context, parts []part) error {
	var ids []string
	for _, p := range parts {
		if bad := c.people[p.user].bad; bad != "" && len(p.ids) > 0 {
			c.leave(Left{Kind: kindMessages, User: p.user, Count: int64(len(p.ids)), Reason: "its receiver is left out: " + bad})
			continue
		}
		ids = append(ids, p.ids...)
	}
	var messages []cimsource.Message
	err := c.again(ctx, func() (err error) {
		messages, err = c.source.Messages(ctx, ids)
		return err
	})
	if err != nil {
		return err
	}
	senders := make([]int64, 0, len(messages))
	for _, m := range messages {
		if m.Err == nil {
			senders = append(senders, m.From)
		}
	}
	slices.Sort(senders)
	for chunk := range slices.Chunk(slices.Compact(senders), step) {
		if err := c.meet(ctx, chunk); err != nil {
			return err
		}
	}
	var load load
	for _, p := range parts {
		if c.people[p.user].bad != "" {
			continue
		}
		for i, id := range p.ids {
			m := messages[i]
			if reason := c.refuses(p.user, m); reason != "" {
				c.leave(Left{Kind: format.KindMessage, User: p.user, ID: id, Reason: reason})
				continue
			}
			load.add(transfer.Backlog{User: p.user}, m.Message)
			if load.full() {
				if err := c.unload(ctx, &load); err != nil {
					return err
				}
			}
		}
		messages = messages[len(p.ids):]
	}
	return c.unload(ctx, &load)
}

// refuses returns the reason to leave out a message of a user's list, or an empty text if
// there is none.
func (c *fromCIM) refuses(user int64, m cimsource.Message) string {
	switch sender := c.people[m.From]; {
	case m.Err != nil:
		return m.Err.Error()
	case m.To != user:
		return fmt.Sprintf("CIM gave its id to a message for %d, too, and has only that one", m.To)
	case sender.bad != "":
		return fmt.Sprintf("its sender %d is left out: %s", m.From, sender.bad)
	}
	return c.checkMessage(m.Message)
}
