package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/erasure"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// reconcileChunk bounds a pipeline of Reconcile. All pipelines of a call use the same
// ops, one after the other. With longer pipelines, Reconcile would allocate more memory.
// Shorter ones would not help other callers, who wait for half a millisecond at most.
const reconcileChunk = 64

// Reconcile compares the connections that a node holds with the sessions in the store.
// It returns the differences, in the order of held. It only reads.
//
// The verdicts are these. DISPLACED: the number of the connection is closed, a higher
// number of the device is live, the same number is live at another node, or the device
// was forgotten. UNKNOWN: the connection should be live in the store, and is not. Its
// number is above all numbers of the device in the store, or the store has that number
// with another boot. GROUPS: the user's list of groups in the store differs from the
// node's, or the user's joining or leaving is unfinished. BEHIND: the user's inbox does
// not end at the node's position.
func (s *Store) Reconcile(ctx context.Context, held []Held, node string, boot uint64) ([]Difference, error) {
	var list []Difference
	all := make([]*op.Op, min(len(held), reconcileChunk))
	for i := range all {
		all[i] = newTail()
	}
	for chunk := range slices.Chunk(held, reconcileChunk) {
		ops := all[:len(chunk)]
		for i, h := range chunk {
			tail(ops[i], logref.Ref{User: h.User}, "closed:"+h.Device)
		}
		s.Run(ctx, "reconcile", ops...)
		for i, h := range chunk {
			if err := ops[i].Err; err != nil {
				return nil, fmt.Errorf("reconcile %d: %w", h.User, err)
			}
			if d := differenceOf(h, ops[i], node, boot); d.Verdict != proto.Verdict_SAME {
				list = append(list, d)
			}
		}
	}
	s.markEnded(ctx, list)
	return s.tellBehind(ctx, list)
}

// markEnded sets Ended for displaced connections that a user ended on purpose, or that
// ended with their account. There are few displaced connections, so markEnded asks the
// store about them in another pipeline. If the store does not answer, Ended stays false,
// and these connections close with another code.
func (s *Store) markEnded(ctx context.Context, list []Difference) {
	var ops []*op.Op
	var of []int
	for i, d := range list {
		if d.Verdict == proto.Verdict_DISPLACED {
			hash := logref.Ref{User: d.Held.User}.Hash()
			ops = append(ops, op.Read(hash, []any{"hmget", hash, "out:" + d.Held.Device, erasure.Field}))
			of = append(of, i)
		}
	}
	s.Run(ctx, "reconcile", ops...)
	for j, o := range ops {
		d := &list[of[j]]
		head, _ := o.Reply[0].([]any)
		switch {
		case o.Err != nil || len(head) != 2:
		case head[1] != nil:
			d.Ended, d.Forgotten = true, false
		case head[0] != nil && !d.Forgotten:
			d.Ended = op.Integer(head[0]) >= d.Held.Number
		}
	}
}

// tellBehind runs tell on the ends of inboxes in list. It replaces an end that replicas
// lack by an earlier one that they have. It removes connections that are behind only by
// entries that replicas do not have yet.
func (s *Store) tellBehind(ctx context.Context, list []Difference) ([]Difference, error) {
	ends, errs := make([]proto.Position, len(list)), make([]error, len(list))
	var tell []telling
	for i, d := range list {
		if ends[i] = d.Newest; d.Verdict == proto.Verdict_BEHIND {
			tell = append(tell, telling{logref.Ref{User: d.Held.User}, &ends[i], &errs[i]})
		}
	}
	s.tell(ctx, tell)
	told := list[:0]
	for i, d := range list {
		if err := errs[i]; err != nil && !errors.Is(err, op.ErrTooFew) {
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

// differenceOf compares the connection h with the store. The parameter o is an answered
// op of tail. The connection is at the given node. The parameter boot is the number of
// the node's present start.
func differenceOf(h Held, o *op.Op, node string, boot uint64) Difference {
	head, _ := o.Reply[0].([]any)
	if len(head) != tailFields {
		return Difference{Held: h, Verdict: proto.Verdict_UNKNOWN}
	}
	var live Session
	for line := range strings.SplitSeq(op.Text(head[2]), "\n") {
		if s, ok := rows.SessionIn(line); ok && s.Device == h.Device {
			live = s
		}
	}
	d := Difference{Held: h, Verdict: verdictOf(h.Number, live, op.Integer(head[3]), node, boot)}
	d.Passed = h.Number > op.Integer(head[3]) && live.Number > h.Number
	if live.Number == 0 && head[3] == nil && h.Number <= op.Integer(head[6]) {
		d.Verdict, d.Forgotten = proto.Verdict_DISPLACED, true
	}
	if d.Verdict != proto.Verdict_SAME {
		return d
	}
	if op.Integer(head[4]) != h.Version || op.Text(head[5]) != "" {
		d.Verdict = proto.Verdict_GROUPS
		return d
	}
	newest := endOf(logref.Ref{User: h.User}, o)
	known := h.Newest
	if known.Key == "" { // the node did not send it, so only the number counts
		known.Key = newest.Key
	}
	if newest != known {
		d.Verdict, d.Newest = proto.Verdict_BEHIND, newest
	}
	return d
}

// verdictOf compares the number of a connection with the record of its device. The
// parameter live is the device's live session, and closed is its highest closed number.
// The parameters node and boot are the connection's.
func verdictOf(number int64, live Session, closed int64, node string, boot uint64) proto.Verdict {
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
