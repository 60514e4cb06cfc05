package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// Scheduled returns at most limit delayed messages of a user that were not sent
// yet, in the order in which they are due, after the one that after names; its
// zero means from the first. The zero next says that these are the last. A message
// that ended while it was asked for is left out. If the one that after names has
// ended, what is due in the same millisecond comes again.
func (s *Store) Scheduled(ctx context.Context, user int64, after ScheduledAt, limit int) (list []Delayed, next ScheduledAt, err error) {
	r := shardOf(user)
	o := readOf(r.pending(user), []any{"zrangebyscore", r.pending(user), after.Due, "+inf", "withscores"})
	s.run(ctx, "scheduled", o)
	if o.err != nil {
		return nil, next, fmt.Errorf("scheduled messages of %d: %w", user, o.err)
	}
	page := scoredList(o.reply[0])
	page = page[1+slices.IndexFunc(page, func(m scored) bool { return m.member == after.ID }):]
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = ScheduledAt{Due: int64(last.score), ID: last.member}
	}
	if len(page) > 0 {
		list, err = s.delayed(ctx, r, user, page)
	}
	return list, next, err
}

// delayed reads the messages of a page.
func (s *Store) delayed(ctx context.Context, r shardRef, user int64, page []scored) ([]Delayed, error) {
	read := []any{"hmget", r.messages()}
	for _, m := range page {
		key := proto.Key(user, m.member)
		read = append(read, key, takenField(key))
	}
	o := readOf(r.messages(), read)
	s.run(ctx, "scheduled", o)
	if o.err != nil {
		return nil, fmt.Errorf("scheduled messages of %d: %w", user, o.err)
	}
	fields, _ := o.reply[0].([]any)
	var list []Delayed
	for i, m := range page {
		if 2*i+1 >= len(fields) || fields[2*i] == nil {
			continue // sent or cancelled between the two reads
		}
		d := newDelayed(proto.Key(user, m.member), int64(m.score), 0, text(fields[2*i]))
		d.State = proto.StatePending
		if fields[2*i+1] != nil {
			d.State = proto.StateFiring
		}
		list = append(list, d)
	}
	return list, nil
}

// Dropped returns how those of a user's delayed messages ended lately that were
// not sent although nobody took them back, the latest first.
func (s *Store) Dropped(ctx context.Context, user int64) ([]Outcome, error) {
	key := shardOf(user).outcomes(user)
	o := readOf(key, []any{"zrevrange", key, 0, -1, "withscores"})
	s.run(ctx, "scheduled", o)
	if o.err != nil {
		return nil, fmt.Errorf("dropped messages of %d: %w", user, o.err)
	}
	var list []Outcome
	for _, m := range scoredList(o.reply[0]) {
		second, why := int64(m.score)/10_000, int64(m.score)%10_000
		if why > whyCancelled {
			list = append(list, Outcome{ID: m.member, Time: second * 1000, Code: proto.Code(why)})
		}
	}
	return list, nil
}

// takenField is the field of a shard's messages that says when one was taken.
func takenField(key string) string { return key + " f" }

// scored is a member of a sorted set.
type scored struct {
	member string
	score  float64
}

// scoredList reads an answer WITHSCORES, which has pairs in RESP3, and is flat in
// RESP2.
func scoredList(reply any) []scored {
	members, _ := reply.([]any)
	var list []scored
	for i := 0; i < len(members); i++ {
		pair, ok := members[i].([]any)
		if !ok {
			pair = members[i:min(i+2, len(members))]
			i++
		}
		if len(pair) == 2 {
			list = append(list, scored{text(pair[0]), score(pair[1])})
		}
	}
	return list
}

// score reads a score, which is a number in RESP3 and text in RESP2.
func score(reply any) float64 {
	if f, ok := reply.(float64); ok {
		return f
	}
	f, _ := strconv.ParseFloat(text(reply), 64)
	return f
}
