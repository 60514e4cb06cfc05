package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// Shown has the keys of messages that a device of a user reports as shown. The senders of
// these messages want delivery marks.
type Shown struct {
	User int64
	Keys []string
}

// Confirm reads, in one pipeline, what the route needs to send delivery marks. For each
// item it returns those keys that are among the latest 1,000 entries of the user's inbox,
// in any order. For each sender it returns the live sessions. It also returns the first
// error. A list that could not be read is empty.
func (s *Store) Confirm(ctx context.Context, list []Shown, senders []int64) (stored [][]string, sessions [][]Session, err error) {
	ops := make([]*op.Op, 0, len(list)+len(senders))
	for _, shown := range list {
		inbox := logref.Ref{User: shown.User}.List()
		o := &op.Op{Key: inbox, Script: shownScript, Keys: []string{inbox}}
		for _, key := range shown.Keys {
			o.Args = append(o.Args, key)
		}
		ops = append(ops, o)
	}
	for _, user := range senders {
		ops = append(ops, readLive(user))
	}
	s.Run(ctx, "sessions", ops...)
	stored, sessions = make([][]string, len(list)), make([][]Session, len(senders))
	for i, o := range ops {
		switch {
		case o.Err != nil && err == nil:
			err = fmt.Errorf("read for delivery marks: %w", o.Err)
		case o.Err != nil:
		case i < len(list):
			for _, key := range o.Reply[1:] {
				stored[i] = append(stored[i], op.Text(key))
			}
		default:
			sessions[i-len(list)] = liveOf(o)
		}
	}
	return stored, sessions, err
}
