package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
)

// reconcileChunk bounds a pipeline of Reconcile, whose ops are made once for all of
// them: a longer one would leave more garbage, a shorter one is no faster for others,
// who wait for the store half a millisecond at most.
const reconcileChunk = 64

// Reconcile compares what a node holds with the record and returns what differs,
// in the order of held. It only reads.
//
// A connection is DISPLACED when its number is closed or a higher one is live,
// or the same one at another node. It is UNKNOWN when it should be live and is
// not: its number is above what the record knows of its device, or stands there
// with another boot. It is DISPLACED, too, when its device was forgotten. It has other GROUPS when the list of its user's groups is not
// the one the node was told, or a joining or leaving of his is unfinished. It is
// BEHIND when its inbox does not end where the node thinks.
func (s *Store) Reconcile(ctx context.Context, held []Held, node string, boot uint64) ([]Difference, error) {
	var list []Difference
	all := make([]*op, min(len(held), reconcileChunk))
	for i := range all {
		all[i] = newTail()
	}
	for chunk := range slices.Chunk(held, reconcileChunk) {
		ops := all[:len(chunk)]
		for i, h := range chunk {
			logRef{user: h.User}.tail(ops[i], "closed:"+h.Device)
		}
		s.run(ctx, "reconcile", ops...)
		for i, h := range chunk {
			if err := ops[i].err; err != nil {
				return nil, fmt.Errorf("reconcile %d: %w", h.User, err)
			}
			if d := compare(h, ops[i], node, boot); d.Verdict != proto.Verdict_SAME {
				list = append(list, d)
			}
		}
	}
	return s.tellBehind(ctx, list)
}

// tellBehind makes the ends of inboxes ones that may be told. It leaves out the
// connections that are behind by nothing that may.
func (s *Store) tellBehind(ctx context.Context, list []Difference) ([]Difference, error) {
	ends, errs := make([]proto.Position, len(list)), make([]error, len(list))
	var tell []telling
	for i, d := range list {
		if ends[i] = d.Newest; d.Verdict == proto.Verdict_BEHIND {
			tell = append(tell, telling{logRef{user: d.Held.User}, &ends[i], &errs[i]})
		}
	}
	s.tell(ctx, tell)
	told := list[:0]
	for i, d := range list {
		if err := errs[i]; err != nil && !errors.Is(err, errTooFew) {
			return nil, fmt.Errorf("reconcile %d: %w", d.Held.User, err)
		}
		earlier := ends[i] != d.Newest
		if has := d.Held.Newest; errs[i] != nil || earlier && ends[i].Epoch == has.Epoch && ends[i].Number <= has.Number {
			continue
		}
		d.Newest = ends[i]
		told = append(told, d)
	}
	return told, nil
}

// compare judges one connection by the answer to tail.
func compare(h Held, o *op, node string, boot uint64) Difference {
	head, _ := o.reply[0].([]any)
	if len(head) != tailFields {
		return Difference{Held: h, Verdict: proto.Verdict_UNKNOWN}
	}
	var live Session
	for line := range strings.SplitSeq(text(head[2]), "\n") {
		if s, ok := sessionIn(line); ok && s.Device == h.Device {
			live = s
		}
	}
	d := Difference{Held: h, Verdict: judge(h.Number, live, integer(head[3]), node, boot)}
	d.Passed = h.Number > integer(head[3]) && live.Number > h.Number
	if live.Number == 0 && head[3] == nil && h.Number <= integer(head[6]) {
		d.Verdict, d.Forgotten = proto.Verdict_DISPLACED, true
	}
	if d.Verdict != proto.Verdict_SAME {
		return d
	}
	if integer(head[4]) != h.Version || text(head[5]) != "" {
		d.Verdict = proto.Verdict_GROUPS
		return d
	}
	newest := logRef{user: h.User}.newest(o)
	known := h.Newest
	if known.Key == "" { // not told: the number has to do
		known.Key = newest.Key
	}
	if newest != known {
		d.Verdict, d.Newest = proto.Verdict_BEHIND, newest
	}
	return d
}

// judge compares a number with the record of its device.
func judge(number int64, live Session, closed int64, node string, boot uint64) proto.Verdict {
	switch {
	case number <= closed || live.Number > number:
		return proto.Verdict_DISPLACED
	case live.Number < number:
		return proto.Verdict_UNKNOWN
	case live.Node != node:
		return proto.Verdict_DISPLACED
	case live.Boot != boot:
		return proto.Verdict_UNKNOWN
	default:
		return proto.Verdict_SAME
	}
}
