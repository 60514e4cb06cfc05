package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// OpenSessions makes each opening the live session of its device, in one pipeline and
// in order. It returns one Opened per opening.
//
// An opening is accepted if its number is above the device's live and closed numbers, and
// if it may displace the live session. It is also accepted if its number is the live one
// and it comes from the same node, even if that node was restarted since. The number that
// it displaces is closed for good. Each opening is one script in the slot of the user's
// inbox, and so is atomic across processes. OpenSessions also carries out intents of
// these users that an earlier call left unfinished (see ChangeGroups).
//
// A user has at most Config.Devices devices. If one more opens a session, the Store
// forgets the device that was offline longest. If all are connected, it forgets the one
// that has been connected longest, and ends its session (see Opened.Ended).
func (s *Store) OpenSessions(ctx context.Context, openings []Opening) []Opened {
	answers := make([]Opened, len(openings))
	var logs []logref.Ref
	var ops []*op.Op
	var of []int
	for i, o := range openings {
		if err := op.CheckNames(o.Device, o.Node, o.Addr); err != nil {
			answers[i].Err = err
			continue
		}
		l := logref.Ref{User: o.User}
		logs = append(logs, l)
		args := []any{o.Device, o.Number, o.Displaces, o.Node, rows.BootText(o.Boot), o.Addr, o.Within.Milliseconds(), s.devices, againTime.Milliseconds()}
		if c := o.Start; c.Log != proto.Inbox {
			args = append(args, c.Log, c.Epoch.String(), c.Number, c.Key, entry.GenesisKey)
		}
		ops = append(ops, l.Script(openScript, args...))
		of = append(of, i)
	}
	s.onLogs(ctx, "open", logs, ops)
	for j, o := range ops {
		answers[of[j]] = opened(logs[j], o)
	}
	s.tidy(ctx, openings, answers, ops, of)
	s.finishOf(ctx, openings, answers, ops, of)
	s.tellOpened(ctx, openings, answers)
	for i := range answers {
		if answers[i].Err != nil {
			answers[i].Err = fmt.Errorf("open session of %d: %w", openings[i].User, answers[i].Err)
		}
	}
	return answers
}

// tellOpened runs tell on the ends of inboxes in answers. It replaces an end that
// replicas lack by an earlier one that they have.
func (s *Store) tellOpened(ctx context.Context, openings []Opening, answers []Opened) {
	var list []telling
	for i := range answers {
		if o := &answers[i]; o.Err == nil {
			list = append(list, telling{logref.Ref{User: openings[i].User}, &o.Newest, &o.Err})
		}
	}
	s.tell(ctx, list)
}

// opened reads the answer of open.lua.
func opened(l logref.Ref, o *op.Op) Opened {
	if o.Err != nil {
		return Opened{Err: o.Err}
	}
	r := o.Reply
	answer := Opened{
		Number:    op.Integer(r[1]),
		Displaced: rows.ParseSession(op.Text(r[2])),
		Newest:    l.Position(rows.ParseEpoch(op.Text(r[3])), op.Integer(r[4])+op.Integer(r[5]), op.Text(r[6])),
		Cursors:   rows.ParseCursors(op.Text(r[7])),
		Groups:    rows.ParseGroups(op.Text(r[8])),
		Version:   op.Integer(r[10]),
		Ended:     rows.ParseSessions(op.Text(r[11])),
	}
	if len(r) > 13 {
		answer.Received = rows.ParseReceived(op.Text(r[13]))
	}
	if len(r) > 14 && answer.Received != nil {
		answer.Received.LoggedOut = op.Text(r[14]) != ""
	}
	switch op.Text(r[0]) {
	case "superseded":
		answer.Err = ErrSuperseded
	case "expired":
		answer.Err = ErrExpired
	case "other":
		answer.Err = ErrDisplacesOther
	}
	return answer
}

// CloseSessions closes numbers for good, in one pipeline. It does not affect sessions
// with other numbers. It returns nil, too, for a number that is not live any more, was
// closed before, or was never opened. The errors are ErrUnavailable, ErrUnknown and
// ErrInvalid. Repeating it is harmless.
func (s *Store) CloseSessions(ctx context.Context, closings []Closing) []error {
	errs := make([]error, len(closings))
	var ops []*op.Op
	var of []int
	for i, c := range closings {
		if errs[i] = op.CheckNames(c.Device); errs[i] != nil {
			continue
		}
		ops = append(ops, logref.Ref{User: c.User}.HashScript(closeScript, c.Device, c.Number, s.devices, c.Lost))
		of = append(of, i)
	}
	s.Run(ctx, "close", ops...)
	for j, o := range ops {
		errs[of[j]] = o.Err
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("close session of %d: %w", closings[i].User, err)
		}
	}
	return errs
}

// Sessions returns the live sessions of a user's devices. If there are none, it returns
// an empty list and no error.
func (s *Store) Sessions(ctx context.Context, user int64) ([]Session, error) {
	lists, err := s.SessionsOf(ctx, []int64{user})
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// SessionsOf does what Sessions does for several users, in one pipeline. It returns one
// list per user, and the first error. If it could not read a user's sessions, the list of
// that user is empty.
func (s *Store) SessionsOf(ctx context.Context, users []int64) (lists [][]Session, err error) {
	ops := make([]*op.Op, len(users))
	for i, user := range users {
		ops[i] = readLive(user)
	}
	s.Run(ctx, "sessions", ops...)
	lists = make([][]Session, len(users))
	for i, o := range ops {
		switch {
		case o.Err == nil:
			lists[i] = liveOf(o)
		case err == nil:
			err = fmt.Errorf("sessions of %d: %w", users[i], o.Err)
		}
	}
	return lists, err
}

// readLive returns an op that reads the live sessions of a user. liveOf reads its answer.
func readLive(user int64) *op.Op {
	hash := logref.Ref{User: user}.Hash()
	return op.Read(hash, []any{"hget", hash, "live"})
}

func liveOf(o *op.Op) []Session { return rows.ParseSessions(op.Text(o.Reply[0])) }

// Ack moves cursors forward, in one pipeline. It skips cursors that would not go forward,
// cursors of a closed number, and cursors of groups to which the user does not belong.
// That is no error. The errors are ErrUnavailable, ErrUnknown and ErrInvalid. Repeating
// it is harmless.
func (s *Store) Ack(ctx context.Context, ackings []Acking) []error {
	errs := make([]error, len(ackings))
	var ops []*op.Op
	var of []int
	for i, a := range ackings {
		args, err := ackArgs(a)
		if errs[i] = err; err != nil {
			continue
		}
		ops = append(ops, logref.Ref{User: a.User}.Script(ackScript, args...))
		of = append(of, i)
	}
	s.Run(ctx, "ack", ops...)
	for j, o := range ops {
		errs[of[j]] = o.Err
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("move cursors of %d: %w", ackings[i].User, err)
		}
	}
	return errs
}

// ackArgs returns the arguments (ARGV) of ack.lua. Cursors come from clients, so ackArgs
// checks each one, and returns ErrInvalid for a malformed one.
func ackArgs(a Acking) ([]any, error) {
	if err := op.CheckNames(a.Device); err != nil {
		return nil, err
	}
	end, cursors, more := 0, a.Cursors, a.Received
	switch {
	case len(a.Left) > 0:
		end, cursors, more = 2, nil, a.Left
	case a.Ended:
		end = 1
	}
	args := []any{a.Device, a.Number, end, len(cursors)}
	for _, c := range slices.Concat(cursors, more) {
		if c.Log < 0 || c.Number < 0 || c.Key != "" && !validKey(c.Key) {
			return nil, fmt.Errorf("%w: cursor of log %d at %d, %q", ErrInvalid, c.Log, c.Number, c.Key)
		}
		args = append(args, c.Log, c.Epoch.String(), c.Number, c.Key)
	}
	return args, nil
}

// validKey reports whether an entry may have this key.
func validKey(key string) bool {
	_, id, err := proto.ParseKey(key)
	return err == nil && proto.ValidID(id)
}
