package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
)

const (
	// tidyFields is about how many fields of a user's hash one step of tidying looks
	// at: 256 take a real server a third of a millisecond.
	tidyFields = 256
	// tidySteps bounds the steps of one call: 16,000 fields. The next one goes on.
	tidySteps = 64
)

// tidy brings the inboxes within their bound whose openings, ops, say that there is
// something to do, step by step, all of them in one pipeline. These are inboxes of an
// earlier version, once. What fails is done at the next opening. The sessions that it
// ends are added to the answers; of[j] is the opening of ops[j].
func (s *Store) tidy(ctx context.Context, openings []Opening, answers []Opened, ops []*op, of []int) {
	var todo []int // openings
	for j, o := range ops {
		if o.err == nil && text(o.reply[12]) == "1" {
			todo = append(todo, of[j])
		}
	}
	for step := 0; step < tidySteps && len(todo) > 0; step++ {
		steps := make([]*op, len(todo))
		for j, i := range todo {
			steps[j] = logRef{user: openings[i].User}.hashScript(tidyScript, s.devices, tidyFields)
		}
		s.run(ctx, "tidy", steps...)
		var more []int
		for j, o := range steps {
			if o.err != nil {
				s.log.Warn("devices were not tidied", "user", openings[todo[j]].User, "err", o.err)
				continue
			}
			if text(o.reply[1]) == "1" {
				more = append(more, todo[j])
			}
			a := &answers[todo[j]]
			a.Ended = append(a.Ended, parseSessions(text(o.reply[2]))...)
		}
		todo = more
	}
}

// Cursors returns how far each of a user's devices acknowledged, a position a log. A
// device that never did is not in it. Under the empty name is how far one of those
// that were forgotten read the inbox. What it reads is bounded by Config.Devices.
func (s *Store) Cursors(ctx context.Context, user int64) (map[string][]proto.Position, error) {
	o := logRef{user: user}.hashScript(cursorsScript, s.devices)
	o.write = false
	s.run(ctx, "cursors", o)
	if o.err != nil {
		return nil, fmt.Errorf("cursors of %d: %w", user, o.err)
	}
	cursors := make(map[string][]proto.Position)
	for i := 1; i+1 < len(o.reply); i += 2 {
		cursors[text(o.reply[i])] = parseCursors(text(o.reply[i+1]))
	}
	return cursors, nil
}
