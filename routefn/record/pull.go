package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// If a log was trimmed while Pull read it, Pull reads it again, at most readsAgain times.
const readsAgain = 3

// pullBytes bounds a pull, in bytes. The answer may exceed it by one entry. MaxPull
// texts of 64 KiB would be too much for a phone and for Redis.
const pullBytes = 1 << 20

// Pull returns entries of a log that follow a position, the parameter after. The log is
// the user's inbox, or the log of the group after.Log. Pull returns at most as many
// entries as limit says. A limit that is not between 1 and proto.MaxPull counts as
// proto.MaxPull. If after.Number is zero, or the position was trimmed, the answer begins
// with the oldest entry. The answer may have fewer entries than limit, and still end
// before the log's end. It reaches the end if Through is Newest.
//
// Of a group's log, users may read the entries from their joining to their leaving.
// Earlier entries are left out as if they were trimmed. Later entries are left out,
// too. The error is ErrNotMember for a user who never was a member, or who has already
// read the entry of their own leaving. Of the log of everyone, users may read what was
// written after their account was made.
//
// Pull returns ErrDiverged, with Epoch, Oldest and Newest set, if the position is not
// in the log. Then the log has another epoch, its newest number is lower than the
// position's, or it has another key at the position's number. Further errors are
// ErrNoUser, ErrNoGroup and ErrUnavailable.
//
// Each returned entry is on Config.Replicas replicas. While replicas are away, a log
// seems to end at the last entry that they are known to have. If no such entry is
// known, the error is ErrUnavailable.
func (s *Store) Pull(ctx context.Context, user int64, after proto.Position, limit int) (Pulled, error) {
	return s.pull(ctx, user, after, limit, false, false)
}

// Fetch does what Pull does, for a device of the user. Messages in the inbox up to the
// position then count as fetched, so they no longer fill the inbox.
func (s *Store) Fetch(ctx context.Context, user int64, after proto.Position, limit int) (Pulled, error) {
	return s.pull(ctx, user, after, limit, false, true)
}

// PullForAll reads a group's log for all its members at a node. The user is one of them.
// Unlike Pull, it also returns entries from before the user joined. Like Pull, it returns
// no entries from after the user left.
func (s *Store) PullForAll(ctx context.Context, user int64, after proto.Position, limit int) (Pulled, error) {
	return s.pull(ctx, user, after, limit, true, false)
}

func (s *Store) pull(ctx context.Context, user int64, after proto.Position, limit int, all, fetched bool) (Pulled, error) {
	if limit <= 0 || limit > proto.MaxPull {
		limit = proto.MaxPull
	}
	l, err := logOf(user, after.Log)
	if err != nil {
		return Pulled{}, fmt.Errorf("pull: %w", err)
	}
	member := ""
	if l.Closed() {
		member = strconv.FormatInt(user, 10)
	}
	var start proto.Position
	if l == logref.Everyone && !all {
		if start, err = s.startOf(ctx, user); err != nil {
			return Pulled{}, fmt.Errorf("pull: %w", err)
		}
	}
	for range readsAgain {
		p, err := s.read(ctx, l, after, limit, pullBytes, member, all, start.Number, start.Epoch.String(), start.Key, fetched && l.User != 0)
		if err != nil && !errors.Is(err, ErrDiverged) || p.Newest == after {
			return p, err
		}
		unshown := s.show(ctx, []showing{{log: l, newest: p.Newest, entries: p.Entries}})[0]
		switch had, _ := s.replicated.Get(l); {
		case unshown == nil:
			return p, err
		case errors.Is(unshown, errGone):
			continue
		case err == nil && errors.Is(unshown, op.ErrTooFew) && p.upTo(had, after):
			return p, nil
		}
		return Pulled{}, fmt.Errorf("pull log %s: %w", l.Tag(), unshown)
	}
	return Pulled{}, fmt.Errorf("pull log %s: %w: %w", l.Tag(), ErrUnavailable, errGone)
}

// read reads a piece of the log l, whether replicas have it or not. The parameter args
// has further arguments for pull.lua.
func (s *Store) read(ctx context.Context, l logref.Ref, after proto.Position, args ...any) (Pulled, error) {
	o := l.Script(pullScript, append([]any{max(0, after.Number), after.Epoch.String(), after.Key}, args...)...)
	o.Write = false
	s.onLogs(ctx, "pull", []logref.Ref{l}, []*op.Op{o})
	if o.Err != nil {
		return Pulled{}, fmt.Errorf("pull log %s: %w", l.Tag(), o.Err)
	}
	if op.Text(o.Reply[0]) == "stranger" {
		return Pulled{}, fmt.Errorf("pull log %s: %w", l.Tag(), ErrNotMember)
	}
	return pulled(l, o.Reply, after)
}

// logOf returns the log to which a position of the user belongs. The parameter log is
// the field Log of that position.
func logOf(user, log int64) (logref.Ref, error) {
	switch {
	case log == proto.Inbox && user > 0:
		return logref.Ref{User: user}, nil
	case log == proto.Inbox:
		return logref.Ref{}, fmt.Errorf("user %d: %w", user, ErrNoUser)
	case log > 0:
		return logref.Ref{Group: log}, nil
	default:
		return logref.Ref{}, fmt.Errorf("group %d: %w", log, ErrNoGroup)
	}
}

// pulled reads the answer of pull.lua.
func pulled(l logref.Ref, r []any, after proto.Position) (Pulled, error) {
	base, number, prev := op.Integer(r[2]), op.Integer(r[5]), op.Text(r[6])
	p := Pulled{Epoch: rows.ParseEpoch(op.Text(r[1])), Oldest: op.Integer(r[7]) + 1}
	p.Newest = l.Position(p.Epoch, base+op.Integer(r[3]), op.Text(r[4]))
	if op.Text(r[0]) == "diverged" {
		return p, fmt.Errorf("pull log %s after %d: %w", l.Tag(), after.Number, ErrDiverged)
	}
	p.Through = l.Position(p.Epoch, number-1, prev)
	for _, reply := range r[8:] {
		stored, err := entry.At(l.Position(p.Epoch, number, ""), prev, []byte(op.Text(reply)))
		if err != nil {
			return Pulled{}, fmt.Errorf("pull log %s: %w", l.Tag(), err)
		}
		prev = stored.Key
		p.Through = l.Position(p.Epoch, number, prev)
		number++
		switch {
		case entry.IsGenesis(prev):
		case entry.IsExpired(stored.Entry):
			if p.Oldest == p.Through.Number {
				p.Oldest++
			}
		default:
			p.Entries = append(p.Entries, stored)
		}
	}
	return p, nil
}

// Find returns the position of the entry with the given key in a user's inbox. It
// searches the latest 1,000 entries. If none has the key, it returns the zero Position.
// The error is ErrUnavailable.
func (s *Store) Find(ctx context.Context, user int64, key string) (proto.Position, error) {
	return s.find(ctx, logref.Ref{User: user}, key)
}

func (s *Store) find(ctx context.Context, l logref.Ref, key string) (proto.Position, error) {
	o := l.Script(placeScript, key)
	o.Write = false
	s.Run(ctx, "find", o)
	switch {
	case o.Err != nil:
		return proto.Position{}, fmt.Errorf("find entry in log %s: %w", l.Tag(), o.Err)
	case o.NoLog(), op.Integer(o.Reply[2]) == 0:
		return proto.Position{}, nil
	}
	at := l.Position(rows.ParseEpoch(op.Text(o.Reply[1])), op.Integer(o.Reply[2]), key)
	if err := s.show(ctx, []showing{{log: l, newest: at}})[0]; err != nil {
		return proto.Position{}, fmt.Errorf("find entry in log %s: %w", l.Tag(), err)
	}
	return at, nil
}

// newTail returns an op for the method tail, which prepares it for a log.
func newTail() *op.Op {
	return op.Read("",
		[]any{"hmget", "", "epoch", "base", "live", "", "version", "intents", "floor"},
		[]any{"llen", ""},
		[]any{"lindex", "", -1})
}

// tail prepares the op o, which newTail has made, to read the end of the log. The answer
// has seven fields of the hash: epoch, base, live, the field with the given name,
// version, intents and floor. Then come the length of the list and the newest entry.
// Reconciliation reads this twice per minute for every user. So one op is used for many
// logs, one after the other.
func tail(o *op.Op, l logref.Ref, field string) {
	key := l.List()
	list := any(key)
	o.Steps[0][1], o.Steps[0][5] = l.Hash(), field
	o.Steps[1][1], o.Steps[2][1] = list, list
	o.Reuse(key)
}

// tailFields is how many fields of the hash an op of tail reads.
const tailFields = 7

// endOf returns the position of the newest entry. The parameter o is an answered op of
// tail. The number of the position is zero if there is no log.
func endOf(l logref.Ref, o *op.Op) proto.Position {
	head, _ := o.Reply[0].([]any)
	length := op.Integer(o.Reply[1])
	if len(head) != tailFields || length == 0 {
		return proto.Position{Log: l.Group}
	}
	return l.Position(rows.ParseEpoch(op.Text(head[0])), op.Integer(head[1])+length, entry.KeyOf(op.Text(o.Reply[2])))
}
