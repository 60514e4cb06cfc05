package delayed

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Kept is a delayed message that was not sent yet.
type Kept struct {
	Key   string
	Entry string
	Due   int64 // when it is due, in ms by the store's clock
	Taken bool  // it is being sent
}

// At names a place in the list of a user's pending messages: behind the
// message with this time and id.
type At struct {
	Due int64
	ID  string
}

// Pending returns a page of a user's delayed messages that were not sent yet, in the
// order in which they are due. The parameter limit is the most messages of a page. The
// page begins behind the message that the parameter after names, or at the first message
// if that is zero. The result next names the last message of the page, or is zero if no
// more follow. A message that ends during the call is left out. If the message that after
// names has ended, messages that are due in the same millisecond may come again.
func (s *Messages) Pending(ctx context.Context, user int64, after At, limit int) (list []Kept, next At, err error) {
	r := ShardOf(user)
	o := op.Read(r.Pending(user), []any{"zrangebyscore", r.Pending(user), after.Due, "+inf", "withscores"})
	s.db.Run(ctx, "scheduled", o)
	if o.Err != nil {
		return nil, next, fmt.Errorf("scheduled messages of %d: %w", user, o.Err)
	}
	page := op.ScoredList(o.Reply[0])
	page = page[1+slices.IndexFunc(page, func(m op.Scored) bool { return m.Member == after.ID }):]
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = At{Due: int64(last.Score), ID: last.Member}
	}
	if len(page) > 0 {
		list, err = s.read(ctx, r, user, page)
	}
	return list, next, err
}

// read reads the messages whose ids and times are in page.
func (s *Messages) read(ctx context.Context, r Shard, user int64, page []op.Scored) ([]Kept, error) {
	read := []any{"hmget", r.Messages()}
	for _, m := range page {
		key := proto.Key(user, m.Member)
		read = append(read, key, takenField(key))
	}
	o := op.Read(r.Messages(), read)
	s.db.Run(ctx, "scheduled", o)
	if o.Err != nil {
		return nil, fmt.Errorf("scheduled messages of %d: %w", user, o.Err)
	}
	fields, _ := o.Reply[0].([]any)
	var list []Kept
	for i, m := range page {
		if 2*i+1 >= len(fields) || fields[2*i] == nil {
			continue // sent or cancelled between the two reads
		}
		list = append(list, Kept{
			Key: proto.Key(user, m.Member), Due: int64(m.Score), Entry: op.Text(fields[2*i]), Taken: fields[2*i+1] != nil,
		})
	}
	return list, nil
}

// Dropped returns the outcomes of a user's delayed messages that were dropped lately,
// the latest first. They were not sent, although the user did not cancel them.
func (s *Messages) Dropped(ctx context.Context, user int64) ([]Outcome, error) {
	key := ShardOf(user).Outcomes(user)
	o := op.Read(key, []any{"zrevrange", key, 0, -1, "withscores"})
	s.db.Run(ctx, "scheduled", o)
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

// Outcome says why a delayed message was dropped.
type Outcome struct {
	ID   string
	Time int64 // when it was dropped, in ms since 1970, exact to a second
	Code proto.Code
}

// Read returns an op that reads the entries of a user's pending messages with these keys.
func Read(user int64, keys []string) *op.Op {
	messages := ShardOf(user).Messages()
	get := []any{"hmget", messages}
	for _, key := range keys {
		get = append(get, key)
	}
	return op.Read(messages, get)
}
