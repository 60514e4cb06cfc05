package record

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// No entry of a log is shown before Config.Replicas have it. Suppose that the primary
// dies, and no replica has the last message. Then the sender repeats the message, and it
// is stored behind another one. A reader who was shown the message in its first place
// would now have another order than all other readers. See "Replicas" in the package's
// doc.

// errGone means that entries are not in their log any more, although they were read from
// it. The log was trimmed, or a new primary never had them.
var errGone = errors.New("entries that were read are gone")

// showing has the entries of one log that are about to be returned to a reader.
type showing struct {
	log     logref.Ref
	newest  proto.Position  // the position that is returned as the log's end; zero: there is nothing to show
	entries []*proto.Stored // in order; those without a text any more may be missing
}

// show blocks until Config.Replicas have the entries in list, and returns one error per
// element. If an error is errGone, the caller must read that log again. If replicas are
// away, the error is ErrUnavailable and wraps op.ErrTooFew.
//
// Entries that are known to be replicated need no check. For the others, show sends a
// script to the log's master (stand.lua). The script searches for the entries once more,
// at the same positions. So it does not matter from which server the entries were read.
// The script also writes something, and shares one WAIT with all ops that go to that
// master at the time.
func (s *Store) show(ctx context.Context, list []showing) []error {
	errs := make([]error, len(list))
	if !s.Replicates() {
		return errs
	}
	var ops []*op.Op
	var of []int
	for i, sh := range list {
		if had, _ := s.replicated.Get(sh.log); sh.newest.Number > 0 && had != sh.newest {
			ops = append(ops, sh.stands(had))
			of = append(of, i)
		}
	}
	s.Accept(ctx, "show", ops...)
	for j, o := range ops {
		sh := list[of[j]]
		switch {
		case o.Err != nil:
			errs[of[j]] = unshown{o.Err}
		case op.Text(o.Reply[0]) == "gone":
			s.replicated.Drop(sh.log)
			errs[of[j]] = unshown{errGone}
		default:
			s.haveReplicas(sh.log, sh.newest)
		}
	}
	return errs
}

// stands returns the op that searches for those entries which replicas may not have. The
// parameter had is the last position that replicas are known to have.
func (sh showing) stands(had proto.Position) *op.Op {
	entries := sh.entries
	entries = entries[1+slices.IndexFunc(entries, func(e *proto.Stored) bool { return e.At.Position() == had }):]
	args := make([]any, 0, 3+2*len(entries))
	args = append(args, sh.newest.Epoch.String(), sh.newest.Number, sh.newest.Key)
	for _, e := range entries {
		args = append(args, e.At.Number, e.Key)
	}
	return sh.log.Script(standScript, args...)
}

// haveReplicas remembers up to which position replicas have a log.
func (s *Store) haveReplicas(l logref.Ref, at proto.Position) {
	had, _ := s.replicated.Get(l)
	if had.Epoch != at.Epoch || had.Number <= at.Number {
		at.Key = strings.Clone(at.Key) // the key may share memory with a whole entry
		s.replicated.Put(l, at)
	}
}

// telling is the position of a log's end that is about to be returned.
type telling struct {
	log logref.Ref
	end *proto.Position
	err *error // gets the reason why the end must not be returned
}

// tell does what show does, for ends of logs. If replicas are away, it replaces an end by
// the last position that they are known to have, and sets no error. If no such position
// is known, it sets the error. When replicas have the entries behind that position,
// readers get these entries by a push, or by the next reconciliation.
func (s *Store) tell(ctx context.Context, list []telling) {
	shown := make([]showing, len(list))
	for i, t := range list {
		shown[i] = showing{log: t.log, newest: *t.end}
	}
	for i, err := range s.show(ctx, shown) {
		t := list[i]
		if *t.err = err; !errors.Is(err, op.ErrTooFew) {
			continue
		}
		if had, _ := s.replicated.Get(t.log); had.Epoch == t.end.Epoch && had.Number < t.end.Number {
			*t.end, *t.err = had, nil
		}
	}
}

// unshown wraps the reason why entries that were read must not be shown. For errors.Is,
// it is ErrUnavailable and never ErrUnknown, even if the outcome of the script that waits
// for replicas is unknown.
type unshown struct{ why error }

func (u unshown) Error() string { return "it is not shown: " + u.why.Error() }

// Is implements the interface that errors.Is uses.
func (u unshown) Is(target error) bool {
	return target == ErrUnavailable || target != ErrUnknown && errors.Is(u.why, target)
}

// upTo removes those entries which replicas may not have. The parameter had is the last
// position that replicas are known to have. The parameter after is the reader's position.
// upTo returns false if the rest is not a valid answer for that reader.
func (p *Pulled) upTo(had, after proto.Position) bool {
	if had.Epoch != p.Epoch || had.Number >= p.Newest.Number {
		return false
	}
	n := 0
	for n < len(p.Entries) && p.Entries[n].At.Number <= had.Number {
		n++
	}
	if had != after && (n == 0 || p.Entries[n-1].At.Number != had.Number || p.Entries[n-1].Key != had.Key) {
		return false
	}
	p.Entries, p.Newest, p.Through = p.Entries[:n], had, had
	return true
}
