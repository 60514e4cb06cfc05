package record

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
)

// With Config.Replicas, nothing of a log is shown before that many replicas have
// it: a message that the primary alone had when it died would be stored again
// behind another, and who was shown it before would have it in another order than
// everybody else. See "Replicas" in the package's doc.

// errGone says that what was read does not stand in its log any more: the log was
// trimmed, or another primary has taken over that never had it.
var errGone = errors.New("what was read is gone")

// showing is what is about to be shown of one log.
type showing struct {
	log     logRef
	newest  proto.Position  // told as the log's end; the zero one is passed over
	entries []*proto.Stored // in order, without a gap
}

// show blocks until Config.Replicas have what is about to be shown, and returns an
// error each: nil; errGone, after which the log is to be read again; or
// ErrUnavailable, with errTooFew if replicas are away.
//
// What is not known to be replicated is looked for once more, by a script that also
// writes, and shares one WAIT with all that goes to its master at the time. So it
// does not matter which server was read: it is the one with those replicas that has
// the entries where they were seen.
func (s *Store) show(ctx context.Context, list []showing) []error {
	errs := make([]error, len(list))
	if s.writers == nil {
		return errs
	}
	var ops []*op
	var of []int
	for i, sh := range list {
		if had, _ := s.replicated.get(sh.log); sh.newest.Number > 0 && had != sh.newest {
			ops = append(ops, sh.stands(had))
			of = append(of, i)
		}
	}
	s.accept(ctx, "show", ops...)
	for j, o := range ops {
		sh := list[of[j]]
		switch {
		case o.err != nil:
			errs[of[j]] = unshown{o.err}
		case text(o.reply[0]) == "gone":
			s.replicated.drop(sh.log)
			errs[of[j]] = unshown{errGone}
		default:
			s.haveReplicas(sh.log, sh.newest)
		}
	}
	return errs
}

// stands returns an op that looks for what replicas are not known to have.
func (sh showing) stands(had proto.Position) *op {
	entries := sh.entries
	entries = entries[1+slices.IndexFunc(entries, func(e *proto.Stored) bool { return e.At.Position() == had }):]
	args := make([]any, 0, 4+len(entries))
	args = append(args, sh.newest.Epoch.String(), sh.newest.Number, sh.newest.Key, sh.newest.Number)
	for i, e := range entries {
		if i == 0 {
			args[3] = e.At.Number
		}
		args = append(args, e.Key)
	}
	return sh.log.script(standScript, args...)
}

// haveReplicas notes how far replicas are known to have a log.
func (s *Store) haveReplicas(l logRef, at proto.Position) {
	had, _ := s.replicated.get(l)
	if had.Epoch != at.Epoch || had.Number <= at.Number {
		at.Key = strings.Clone(at.Key) // it may be a piece of a whole entry
		s.replicated.put(l, at)
	}
}

// telling is the end of a log on its way into an answer.
type telling struct {
	log logRef
	end *proto.Position
	err *error // set to why it may not be told
}

// tell is show for ends of logs alone. Where replicas are away, an end becomes the
// last one that they are known to have had, and is no error: what is behind it is
// pushed once it is accepted, or found by the next reconciliation.
func (s *Store) tell(ctx context.Context, list []telling) {
	shown := make([]showing, len(list))
	for i, t := range list {
		shown[i] = showing{log: t.log, newest: *t.end}
	}
	for i, err := range s.show(ctx, shown) {
		t := list[i]
		if *t.err = err; !errors.Is(err, errTooFew) {
			continue
		}
		if had, _ := s.replicated.get(t.log); had.Epoch == t.end.Epoch && had.Number < t.end.Number {
			*t.end, *t.err = had, nil
		}
	}
}

// unshown is why something that was read is not shown. It is ErrUnavailable,
// whatever became of the write that was to wait for replicas.
type unshown struct{ why error }

func (u unshown) Error() string { return "it is not shown: " + u.why.Error() }

// Is implements what errors.Is asks.
func (u unshown) Is(target error) bool {
	return target == ErrUnavailable || target != ErrUnknown && errors.Is(u.why, target)
}

// upTo cuts off what is behind the last entry that replicas are known to have had,
// and reports whether that leaves an answer to who has come as far as after.
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
