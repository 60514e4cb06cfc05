package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Scheduled returns a page of a user's delayed messages that were not sent yet, limit
// at most, in the order in which they are due. The page begins behind the message that
// after names, or with the first message if after is zero. The result next names the
// last message of the page, or is zero if no more follow. Scheduled leaves out a
// message that ends during the call. If the message that after names has ended
// meanwhile, messages that are due in the same millisecond may come again.
func (s *Store) Scheduled(ctx context.Context, user int64, after ScheduledAt, limit int) (list []Delayed, next ScheduledAt, err error) {
	r := shardOf(user)
	o := op.Read(r.pending(user), []any{"zrangebyscore", r.pending(user), after.Due, "+inf", "withscores"})
	s.Run(ctx, "scheduled", o)
	if o.Err != nil {
		return nil, next, fmt.Errorf("scheduled messages of %d: %w", user, o.Err)
	}
	page := op.ScoredList(o.Reply[0])
	page = page[1+slices.IndexFunc(page, func(m op.Scored) bool { return m.Member == after.ID }):]
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = ScheduledAt{Due: int64(last.Score), ID: last.Member}
	}
	if len(page) > 0 {
		list, err = s.delayed(ctx, r, user, page)
	}
	return list, next, err
}

// delayed reads the messages whose ids and times are in page.
func (s *Store) delayed(ctx context.Context, r shardRef, user int64, page []op.Scored) ([]Delayed, error) {
	read := []any{"hmget", r.messages()}
	for _, m := range page {
		key := proto.Key(user, m.Member)
		read = append(read, key, takenField(key))
	}
	o := op.Read(r.messages(), read)
	s.Run(ctx, "scheduled", o)
	if o.Err != nil {
		return nil, fmt.Errorf("scheduled messages of %d: %w", user, o.Err)
	}
	fields, _ := o.Reply[0].([]any)
	var list []Delayed
	for i, m := range page {
		if 2*i+1 >= len(fields) || fields[2*i] == nil {
			continue // sent or cancelled between the two reads
		}
		d := newDelayed(proto.Key(user, m.Member), int64(m.Score), 0, op.Text(fields[2*i]))
		d.State = proto.StatePending
		if fields[2*i+1] != nil {
			d.State = proto.StateFiring
		}
		list = append(list, d)
	}
	return list, nil
}

// Dropped returns the outcomes of a user's delayed messages that were dropped lately,
// the latest first. They were not sent, although the user did not cancel them.
func (s *Store) Dropped(ctx context.Context, user int64) ([]Outcome, error) {
	key := shardOf(user).outcomes(user)
	o := op.Read(key, []any{"zrevrange", key, 0, -1, "withscores"})
	s.Run(ctx, "scheduled", o)
	if o.Err != nil {
		return nil, fmt.Errorf("dropped messages of %d: %w", user, o.Err)
	}
	var list []Outcome
	for _, m := range op.ScoredList(o.Reply[0]) {
		second, why := int64(m.Score)/10_000, int64(m.Score)%10_000
		if why > whyCancelled {
			list = append(list, Outcome{ID: m.Member, Time: second * 1000, Code: proto.Code(why)})
		}
	}
	return list, nil
}

// takenField returns the name of the field that has the time at which the message with
// the key was first taken.
func takenField(key string) string { return key + " f" }
