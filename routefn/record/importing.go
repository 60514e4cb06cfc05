package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/transfer"
	"github.com/cim-go/cim/routefn/role"
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

// ImportRole gives a member of a group the role that they have elsewhere. A member who
// has a role here keeps that one. Nobody becomes the owner of a group that was handed
// over here. A repetition is harmless. The errors are those of GiveRole.
func (s *Store) ImportRole(ctx context.Context, group, user int64, next role.Group) error {
	err := errRolesChanged
	for try := 0; try < judgeTries && errors.Is(err, errRolesChanged); try++ {
		err = s.importRole(ctx, logref.Ref{Group: group}, user, next)
	}
	if err != nil {
		return fmt.Errorf("import %d as %s of group %d: %w", user, next, group, err)
	}
	return nil
}

func (s *Store) importRole(ctx context.Context, l logref.Ref, user int64, next role.Group) error {
	read := readStanding(l, user)
	s.Run(ctx, "groups", read)
	now, err := standingIn(read, user)
	if err != nil {
		return err
	}
	head, _ := read.Reply[0].([]any)
	handedOver, has := op.Integer(head[2]) != 0, op.Text(head[5])
	owner := ""
	switch {
	case now.roles[0] == role.Stranger:
		return ErrNotMember
	case next == role.Owner && (handedOver || now.owner == user), next != role.Owner && has != "":
		return nil
	case next == role.Owner:
		owner = strconv.FormatInt(user, 10)
	}
	return s.setRoles(ctx, l, now.version, user, owner, mostAdmins, user, wordOf(next), next == role.Admin)
}

// An ImportedCursor says that a device of a user has acknowledged a log up to the message
// with a key. Group is zero for the user's inbox.
type ImportedCursor struct {
	User   int64
	Device string
	Group  int64
	Key    string
}

// ImportCursor gives a device the cursor that it has elsewhere. It returns false if the
// device has a cursor here at the same position, or at a later one. It searches the
// latest 1,000 entries of the log for the key. The error is ErrInvalid if no entry has
// the key, or if the user has too many devices. Further errors are ErrNoUser,
// ErrNotMember, ErrUnavailable and ErrUnknown. A repetition is harmless.
func (s *Store) ImportCursor(ctx context.Context, c ImportedCursor) (bool, error) {
	given, err := s.importCursor(ctx, c)
	if err != nil {
		return false, fmt.Errorf("import cursor of %d at %s: %w", c.User, c.Device, err)
	}
	return given, nil
}

func (s *Store) importCursor(ctx context.Context, c ImportedCursor) (bool, error) {
	l := logref.Ref{User: c.User}
	if c.Group != 0 {
		l = logref.Ref{Group: c.Group}
	}
	at, err := s.find(ctx, l, c.Key)
	if err == nil && at.Number == 0 {
		err = fmt.Errorf("%w: the log has no message %s", ErrInvalid, c.Key)
	}
	if err != nil {
		return false, err
	}
	o := logref.Ref{User: c.User}.Script(arriveScript, c.Device, at.Log, at.Epoch.String(), at.Number, at.Key, s.devices)
	s.Accept(ctx, "ack", o)
	if o.Err != nil {
		return false, o.Err
	}
	switch op.Text(o.Reply[0]) {
	case "nolog":
		return false, ErrNoUser
	case "stranger":
		return false, ErrNotMember
	case "full":
		return false, fmt.Errorf("%w: the user has too many devices", ErrInvalid)
	}
	return op.Text(o.Reply[0]) == "ok", nil
}
