package record

import (
	"context"
	"fmt"
)

// OpenSessions makes numbers the live sessions of their devices, in one pipeline
// and in order, and answers with one Opened each.
//
// An opening is accepted when its number is above the device's live and closed
// ones and it may displace the live one, or when it repeats the live one from the
// same node, which may have another boot by then. The number that it displaces is
// closed for good. Each is atomic across processes: one script in the slot of the
// user's log. What the users' joinings and leavings left unfinished is finished.
//
// A user has Config.Devices devices at most. One more, and the one that was offline
// longest is forgotten; if all are connected, the one that has been so for longest,
// whose session ends: see Opened.Ended.
func (s *Store) OpenSessions(ctx context.Context, openings []Opening) []Opened {
	answers := make([]Opened, len(openings))
	var logs []logRef
	var ops []*op
	var of []int
	for i, o := range openings {
		if err := checkNames(o.Device, o.Node, o.Addr); err != nil {
			answers[i].Err = err
			continue
		}
		l := logRef{user: o.User}
		logs = append(logs, l)
		ops = append(ops, l.script(openScript, o.Device, o.Number, o.Displaces, o.Node, bootText(o.Boot), o.Addr, o.Within.Milliseconds(), s.devices))
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

// tellOpened makes the ends of inboxes ones that may be told.
func (s *Store) tellOpened(ctx context.Context, openings []Opening, answers []Opened) {
	var list []telling
	for i := range answers {
		if o := &answers[i]; o.Err == nil {
			list = append(list, telling{logRef{user: openings[i].User}, &o.Newest, &o.Err})
		}
	}
	s.tell(ctx, list)
}

// opened reads the answer of open.lua.
func opened(l logRef, o *op) Opened {
	if o.err != nil {
		return Opened{Err: o.err}
	}
	r := o.reply
	answer := Opened{
		Number:    integer(r[1]),
		Displaced: parseSession(text(r[2])),
		Newest:    l.position(parseEpoch(text(r[3])), integer(r[4])+integer(r[5]), text(r[6])),
		Cursors:   parseCursors(text(r[7])),
		Groups:    parseGroups(text(r[8])),
		Version:   integer(r[10]),
		Ended:     parseSessions(text(r[11])),
	}
	switch text(r[0]) {
	case "superseded":
		answer.Err = ErrSuperseded
	case "expired":
		answer.Err = ErrExpired
	case "other":
		answer.Err = ErrDisplacesOther
	}
	return answer
}

// CloseSessions closes numbers for good, in one pipeline. A number that is not
// the live one any more, was closed before or was never opened changes nothing
// else and is no error. The errors are ErrUnavailable or ErrUnknown; repeating is
// harmless.
func (s *Store) CloseSessions(ctx context.Context, closings []Closing) []error {
	errs := make([]error, len(closings))
	var ops []*op
	var of []int
	for i, c := range closings {
		if errs[i] = checkNames(c.Device); errs[i] != nil {
			continue
		}
		ops = append(ops, logRef{user: c.User}.hashScript(closeScript, c.Device, c.Number, s.devices))
		of = append(of, i)
	}
	s.run(ctx, "close", ops...)
	for j, o := range ops {
		errs[of[j]] = o.err
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("close session of %d: %w", closings[i].User, err)
		}
	}
	return errs
}

// Sessions returns the live sessions of a user's devices; none is no error.
func (s *Store) Sessions(ctx context.Context, user int64) ([]Session, error) {
	lists, err := s.SessionsOf(ctx, []int64{user})
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// SessionsOf is Sessions for several users, in one pipeline and in their order. With
// an error, which is the first, the lists of those who were not read are empty.
func (s *Store) SessionsOf(ctx context.Context, users []int64) (lists [][]Session, err error) {
	ops := make([]*op, len(users))
	for i, user := range users {
		hash := logRef{user: user}.hash()
		ops[i] = readOf(hash, []any{"hget", hash, "live"})
	}
	s.run(ctx, "sessions", ops...)
	lists = make([][]Session, len(users))
	for i, o := range ops {
		switch {
		case o.err == nil:
			lists[i] = parseSessions(text(o.reply[0]))
		case err == nil:
			err = fmt.Errorf("sessions of %d: %w", users[i], o.err)
		}
	}
	return lists, err
}

// Ack moves cursors forward, in one pipeline. A cursor that does not go forward,
// or of a number that is closed, is passed over without an error: it ran late. So
// is one of a group that the user does not belong to. The errors are
// ErrUnavailable, ErrUnknown and ErrInvalid; repeating is harmless.
func (s *Store) Ack(ctx context.Context, ackings []Acking) []error {
	errs := make([]error, len(ackings))
	var ops []*op
	var of []int
	for i, a := range ackings {
		args, err := ackArgs(a)
		if errs[i] = err; err != nil {
			continue
		}
		ops = append(ops, logRef{user: a.User}.script(ackScript, args...))
		of = append(of, i)
	}
	s.run(ctx, "ack", ops...)
	for j, o := range ops {
		errs[of[j]] = o.err
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("move cursors of %d: %w", ackings[i].User, err)
		}
	}
	return errs
}
