package record

import (
	"context"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/transfer"
)

// importing has the logs and groups into which package transfer imports.
type importing struct{ *Store }

// Append sends ops[i] to logs[i]. It makes logs that do not exist, and treats them as
// new, not as lost.
func (s importing) Append(ctx context.Context, logs []logref.Ref, ops []*op.Op) {
	s.onLogsBy(ctx, s.Accept, "append", logs, ops, false)
}

// Grown brings forward the sweeps of logs that now have an entry which will be too old
// before the next sweep.
func (s importing) Grown(ctx context.Context, logs []logref.Ref, times []int64) {
	if len(logs) == 0 {
		return
	}
	now, err := s.Time(ctx)
	var jobs []queue.Job
	for i, l := range logs {
		if due := times[i] + s.retention.Age; err == nil && due < now+s.retention.Age/2 {
			jobs = append(jobs, queue.Job{Key: l.Tag(), Due: due})
		}
	}
	for _, err := range append(s.Put(ctx, queue.Sweeps, jobs, sweepShard, true), err) {
		if err != nil {
			s.log.Warn("imported messages are swept later", "err", err)
		}
	}
}

// Make makes a group with the id that it has in the other system.
func (s importing) Make(ctx context.Context, g transfer.Group) (bool, error) {
	return s.makeGroup(ctx, g.Group, NewGroup{Creator: g.Creator, ID: g.Request, Name: g.Name})
}

// Enter makes users members of a group, except those who were members before.
func (s importing) Enter(ctx context.Context, group int64, users []Account) []error {
	changes, errs := make([]Change, len(users)), make([]error, len(users))
	for i, u := range users {
		changes[i] = Change{User: u.User, Name: u.Name, Group: group, Once: true}
	}
	for i, c := range s.ChangeGroups(ctx, changes) {
		errs[i] = c.Err
	}
	return errs
}
