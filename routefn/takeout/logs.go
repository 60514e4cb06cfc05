package takeout

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// logs has the logs that a user reads.
type logs struct {
	roles   map[int64]role.Group // of the user, in each group to which the user belongs
	order   []int64              // groups by ascending id, then everyone, then the inbox
	cursors map[string][]proto.Position
}

// logsOf finds out which logs the user may read. Among them are the logs of groups that
// the user has left, as long as a device has a cursor in the log.
func (w *writer) logsOf(ctx context.Context) (*logs, error) {
	if w.known != nil {
		return w.known, nil
	}
	groups, err := w.Store.Groups(ctx, w.User)
	if err != nil {
		return nil, err
	}
	l := &logs{roles: make(map[int64]role.Group, len(groups))}
	if l.cursors, err = w.Store.Cursors(ctx, w.User); err != nil {
		return nil, err
	}
	for _, g := range groups {
		l.roles[g.Group] = g.Role
		l.order = append(l.order, g.Group)
	}
	for _, list := range l.cursors {
		for _, c := range list {
			if c.Log > proto.Everyone {
				l.order = append(l.order, c.Log)
			}
		}
	}
	slices.Sort(l.order)
	l.order = append(slices.Compact(l.order), proto.Everyone, proto.Inbox)
	w.known = l
	return l, nil
}

// behind returns the log that follows the given one in the export. The first log
// follows 0. The inbox is the last log.
func (l *logs) behind(log int64) int64 {
	if log == proto.Everyone {
		return proto.Inbox
	}
	i := slices.IndexFunc(l.order, func(other int64) bool { return other > log || other == proto.Everyone })
	return l.order[i]
}

// beyond is above the numbers of all entries.
const beyond = proto.MaxUser + 1

// log reads and writes one piece of a log.
func (w *writer) log(ctx context.Context) error {
	all, err := w.logsOf(ctx)
	if err != nil {
		return err
	}
	if !w.Begun {
		w.At = proto.Position{Log: all.behind(w.After)}
		if err := w.heading(ctx, all); err != nil {
			return err
		}
		w.Begun = true
	}
	begun := time.Now()
	p, err := w.Store.Pull(ctx, w.User, w.At, proto.MaxPull)
	if w.Answered != nil {
		w.Answered(time.Since(begun))
	}
	switch {
	case errors.Is(err, record.ErrDiverged):
		w.gap(format.GapDiverged, 0)
		w.At, w.End = proto.Position{Log: w.At.Log}, 0
		return nil
	case w.At.Log != proto.Inbox && (errors.Is(err, record.ErrNotMember) || errors.Is(err, record.ErrNoGroup)):
		if w.At.Number > 0 {
			w.gap(format.GapLeft, 0)
		}
		w.leave()
		return nil
	case err != nil:
		return err
	}
	if w.At.Number > 0 && p.Oldest > w.At.Number+1 {
		w.gap(format.GapTrimmed, p.Oldest-w.At.Number-1)
	}
	w.piece(all, p)
	return nil
}

// heading writes the lines before the messages of a group: the group, and the membership
// of the user.
func (w *writer) heading(ctx context.Context, all *logs) error {
	log := w.At.Log
	if log <= proto.Everyone {
		return nil
	}
	g, err := w.Store.GroupRecord(ctx, log)
	if err != nil || g.Creator == 0 {
		return err
	}
	w.must(format.KindGroup, format.Group{Kind: format.KindGroup, Group: log, Name: g.Name, Creator: g.Creator, Request: g.Request})
	if has, member := all.roles[log]; member {
		w.must(format.KindMember, format.NewMember(log, w.User, has))
	}
	return nil
}

// piece writes the piece p of a log.
func (w *writer) piece(all *logs, p record.Pulled) {
	if w.End == 0 {
		w.End = p.Newest.Number
	}
	begun, here := w.At, all.cursorsIn(w.At.Log, p.Epoch)
	for _, s := range p.Entries {
		at := s.At.Position()
		if at.Key = s.Key; at.Number > w.End {
			break
		}
		w.cursors(here, w.At.Number, at.Number)
		if !w.entry(s) {
			return
		}
		w.At = at
	}
	if p.Through.Number >= w.End || p.Through == begun {
		if lost := w.End - p.Newest.Number; lost > 0 {
			w.gap(format.GapDiverged, lost)
		}
		w.cursors(here, w.At.Number, beyond)
		w.leave()
		return
	}
	w.cursors(here, w.At.Number, p.Through.Number)
	w.At = p.Through
}

// leave goes on to the next log. After the last one it ends this part of the export.
func (w *writer) leave() {
	if w.At.Log == proto.Inbox {
		w.next()
		return
	}
	w.place = place{User: w.User, Part: w.Part, Records: w.Records, After: w.At.Log}
}

// entry writes a message. It returns false if the page is full.
func (w *writer) entry(s *proto.Stored) bool {
	m, err := s.Message()
	if err != nil {
		if w.Log != nil {
			w.Log.Error("stored entry is unreadable", "user", w.User, "log", w.At.Log, "number", s.GetAt().GetNumber(), "err", err)
		}
		w.gap(format.GapUnreadable, 1)
		return true
	}
	if m.Kind != proto.Kind_TEXT {
		return true
	}
	line := format.Message{
		Kind: format.KindMessage, From: m.From, FromName: m.FromName, ID: m.ID, Time: m.Time, Text: m.Text,
		To: m.To, Group: m.Group,
	}
	if w.At.Log == proto.Inbox {
		if line.Confirm = m.Confirm; m.To != w.User {
			line.In = w.User
		}
	}
	return w.write(format.KindMessage, line)
}

// cursor is the place up to which a device has acknowledged a log.
type cursor struct {
	device string
	number int64
}

// cursorsIn returns the cursors in a log, in the order of their places. It leaves out
// cursors of another epoch, because they belong to an earlier log.
func (l *logs) cursorsIn(log int64, epoch proto.Epoch) (list []cursor) {
	for device, positions := range l.cursors {
		for _, c := range positions {
			if device != "" && c.Log == log && c.Epoch == epoch {
				list = append(list, cursor{device, c.Number})
			}
		}
	}
	slices.SortFunc(list, func(a, b cursor) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.device, b.device))
	})
	return list
}

// cursors writes the cursors with a number n, with from <= n < to by the parameters.
func (w *writer) cursors(list []cursor, from, to int64) {
	for _, c := range list {
		if c.number >= from && c.number < to {
			line := format.Cursor{Kind: format.KindCursor, User: w.User, Device: c.device}
			if w.At.Log != proto.Inbox {
				line.Group = w.At.Log
			}
			w.must(format.KindCursor, line)
		}
	}
}
