package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

const (
	// tidyFields is about how many fields of a user's hash one step of tidy reads. 256
	// fields take a real server a third of a millisecond.
	tidyFields = 256
	// tidySteps bounds the steps of one call, to some 16,000 fields. The next call
	// continues.
	tidySteps = 64
)

// If inboxes have more devices than Config.Devices, tidy makes the store forget some
// devices, in steps. A step is one pipeline for all inboxes. The answer to an op shows
// whether its inbox must be tidied. An inbox of an earlier version must be tidied once.
// If tidy fails, it logs that, and the next opening tries again. It adds the sessions
// that it ends to answers. The op ops[j] belongs to the opening openings[of[j]].
func (s *Store) tidy(ctx context.Context, openings []Opening, answers []Opened, ops []*op.Op, of []int) {
	var todo []int // indices of openings
	for j, o := range ops {
		if o.Err == nil && op.Text(o.Reply[12]) == "1" {
			todo = append(todo, of[j])
		}
	}
	for step := 0; step < tidySteps && len(todo) > 0; step++ {
		steps := make([]*op.Op, len(todo))
		for j, i := range todo {
			steps[j] = logref.Ref{User: openings[i].User}.HashScript(tidyScript, s.devices, tidyFields)
		}
		s.Run(ctx, "tidy", steps...)
		var more []int
		for j, o := range steps {
			if o.Err != nil {
				s.log.Warn("devices were not tidied", "user", openings[todo[j]].User, "err", o.Err)
				continue
			}
			if op.Text(o.Reply[1]) == "1" {
				more = append(more, todo[j])
			}
			a := &answers[todo[j]]
			a.Ended = append(a.Ended, rows.ParseSessions(op.Text(o.Reply[2]))...)
		}
		todo = more
	}
}

// Cursors returns the cursors of each of a user's devices, one position per log. It
// leaves out devices that never acknowledged anything. The cursors under the empty name
// belong to forgotten devices. Config.Devices bounds the size of the answer.
func (s *Store) Cursors(ctx context.Context, user int64) (map[string][]proto.Position, error) {
	o := logref.Ref{User: user}.HashScript(cursorsScript, s.devices)
	o.Write = false
	s.Run(ctx, "cursors", o)
	if o.Err != nil {
		return nil, fmt.Errorf("cursors of %d: %w", user, o.Err)
	}
	cursors := make(map[string][]proto.Position)
	for i := 1; i+1 < len(o.Reply); i += 2 {
		cursors[op.Text(o.Reply[i])] = rows.ParseCursors(op.Text(o.Reply[i+1]))
	}
	return cursors, nil
}
