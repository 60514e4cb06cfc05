package record

import (
	"context"

	"github.com/cim-go/cim/routefn/record/op"
)

// unite looks once more at messages that a first try has stored and that may stand twice.
// Another route may have stored a repetition of such a message earlier. That route has
// claimed the id first, or has set the field redone of the log's hash. That field has the
// time of the first claim of an id whose message a repetition has appended. In each log
// the earlier entry counts. The later one keeps its place and loses its text.
func (s *Store) unite(ctx context.Context, batches []*batch) {
	var ops []*op.Op
	var of []*batch
	for _, b := range batches {
		if b.op.Err == nil && b.anyStored() && b.doubtful() {
			ops, of = append(ops, s.judging(b, uniteStored)), append(of, b)
		}
	}
	s.Accept(ctx, "append", ops...)
	for i, b := range of {
		b.united(ops[i])
	}
}

// doubtful reports whether an entry that the batch has appended may stand twice.
func (b *batch) doubtful() bool {
	for _, d := range b.drafts {
		if d.copy[b.which] != nil && (d.twice || b.op.Script == nil && b.redone >= d.made) {
			return true
		}
	}
	return false
}

// united sets the copies of the drafts from the answer of append.lua about entries that
// may stand twice. Without an answer, the outcome is not known.
func (b *batch) united(o *op.Op) {
	for i, d := range b.drafts {
		c, err := d.copy[b.which], o.Err
		if c == nil {
			continue
		}
		if err == nil && len(o.Reply) != 7+3*len(b.drafts) {
			err = ErrUnknown
		}
		if err == nil {
			if number := op.Integer(o.Reply[7+3*i]); number == 0 || number == c.Stored.At.Number {
				continue // the copy is the only one
			}
			err = d.found([]byte(op.Text(o.Reply[9+3*i])))
		}
		if err == nil {
			err = b.fill(d, *c, c.Stored.At.Position().Epoch, op.Integer(o.Reply[7+3*i]), op.Text(o.Reply[8+3*i]))
		}
		if err != nil {
			d.copy[b.which], d.err[b.which] = nil, err
		}
	}
}
