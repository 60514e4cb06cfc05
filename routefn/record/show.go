package record

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
)

// With Config.Replicas, nothing of a log is shown before that many replicas have it. A
// message that only the primary had when it died would be stored again behind another.
// A reader who was shown it before would then have another order than everybody else.
// See "Replicas" in the package's doc.

// errGone means that the entries that were read are no longer in their log. The log
// was trimmed, or another primary took over that never had them.
var errGone = errors.New("what was read is gone")

// showing has the entries of one log that are about to be shown.
type showing struct {
	log     logRef
	newest  proto.Position  // returned as the log's end; a zero one is skipped
	entries []*proto.Stored // in order, without a gap
}

// show blocks until Config.Replicas have the given entries, and returns one error per
// entry. After errGone the log must be read again. ErrUnavailable wraps errTooFew if
// replicas are away.
//
// A script searches once more for entries that are not known to be replicated, and also
// writes. It shares one WAIT with all ops that go to its master at the time. It does
// not matter from which server the entries were read. The script's server has the
// replicas, and must have the entries at the same places.
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

// stands returns an op that searches for the entries that replicas are not known to
// have.
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
	err *error // the reason why it must not be returned
}

// tell does what show does, but for ends of logs. If replicas are away, it replaces an
// end with the last position that they are known to have, without an error. Later
// entries are pushed when they are accepted, or found by the next reconciliation.
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

// unshown wraps the reason why entries that were read must not be shown. It counts as
// ErrUnavailable and never as ErrUnknown, even if the write that waited for replicas
// is unknown.
type unshown struct{ why error }

func (u unshown) Error() string { return "it is not shown: " + u.why.Error() }

// Is implements the interface that errors.Is uses.
func (u unshown) Is(target error) bool {
	return target == ErrUnavailable || target != ErrUnknown && errors.Is(u.why, target)
}

// upTo removes the entries after the last one that replicas are known to have. It
// reports whether the remaining page is a valid answer to a reader who has read up to
// after.
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
