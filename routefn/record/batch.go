package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/rows"
)

// batch has the drafts that one call appends to one log, in order. Either all of them are
// stored, or none.
type batch struct {
	log    logref.Ref
	which  int // receiverCopy or ownCopy: which copy of its drafts goes to the log
	again  bool
	tight  bool // the script must decide whether the inbox has places for the drafts
	drafts []*draft
	op     *op.Op
	inbox  occupancy // what the answer says about the inbox

	guarded bool  // the inbox has a guard, as far as this Store knows: see guard.go
	redone  int64 // the field redone of the log's hash, in ms: see unite
}

// batchesOf groups the copies of one kind by their logs, in the order of drafts. It
// leaves out drafts that have failed already.
func batchesOf(drafts []*draft, which int) []*batch {
	var batches []*batch
	of := make(map[logref.Ref]*batch, len(drafts))
	for _, d := range drafts {
		l := d.logs[which]
		if l == (logref.Ref{}) || d.err[receiverCopy] != nil {
			continue
		}
		b := of[l]
		if b == nil {
			b = &batch{log: l, which: which}
			of[l] = b
			batches = append(batches, b)
		}
		b.drafts = append(b.drafts, d)
		b.again = b.again || d.look || d.repeated
	}
	return batches
}

// The method store appends the batches, in their order on one server, and trims logs that
// have grown. A batch becomes a plain transaction if there is nothing to search for and
// no membership to check. That takes the store half the time of a script. The parameter
// ahead has ops to send before the batches. The parameter more has ops to send after
// them.
func (s *Store) store(ctx context.Context, ahead []*op.Op, batches []*batch, more ...*op.Op) {
	ops := make([]*op.Op, 0, len(ahead)+len(batches)+len(more))
	ops = append(ops, ahead...)
	for _, b := range batches {
		if b.scripted() {
			b.op = s.appending(b)
		} else {
			b.op = b.transaction()
		}
		ops = append(ops, b.op)
	}
	s.Accept(ctx, "append", append(ops, more...)...)
	s.storeMissing(ctx, batches)
	var grown []logref.Ref
	for _, b := range batches {
		if b.settle() {
			s.stored(b)
		}
		if b.grown() {
			grown = append(grown, b.log)
		}
	}
	s.trim(ctx, grown)
}

// The method stored remembers what the answer to a stored batch says about its log:
// that it exists, and how far replicas have it.
func (s *Store) stored(b *batch) {
	if b.log.User != 0 {
		s.learn(b)
	}
	if !s.Replicates() {
		return
	}
	if c := b.drafts[len(b.drafts)-1].copy[b.which]; c != nil { // nil if the script refused that draft
		s.haveReplicas(b.log, c.Stored.At.Position())
	}
}

// storeMissing makes the logs that did not exist, and appends their batches to them.
func (s *Store) storeMissing(ctx context.Context, batches []*batch) {
	var logs []logref.Ref
	var ops []*op.Op
	var missing []*batch
	for _, b := range batches {
		if b.missing() {
			missing = append(missing, b)
			logs = append(logs, b.log)
			s.inboxes.Drop(b.log.User)
		}
	}
	if len(missing) == 0 {
		return
	}
	errs := s.makeLogs(ctx, logs, true)
	for i, b := range missing {
		b.op = s.appending(b)
		if b.op.Err = errs[i]; errs[i] == nil {
			ops = append(ops, b.op)
		}
	}
	s.Accept(ctx, "append", ops...)
}

// missing reports whether the batch's log did not exist.
func (b *batch) missing() bool {
	if b.op.Err != nil {
		return false
	}
	if b.op.Script != nil {
		return b.op.NoLog()
	}
	return op.Integer(b.op.Reply[0]) == 0
}

// transaction returns the op that appends to the list if the list exists. The op uses
// MULTI. Otherwise a trim could come between the append and the reading of base, and two
// entries could get the same number.
func (b *batch) transaction() *op.Op {
	var o *op.Op
	if len(b.drafts) == 1 {
		o = lone.Get().(*op.Op)
	} else {
		o = newTransaction(len(b.drafts))
	}
	key := b.log.List()
	list := any(key)
	o.Steps[0][1], o.Steps[1][1] = list, list
	for i, d := range b.drafts {
		o.Steps[0][2+i] = d.stored
	}
	o.Steps[2][1], o.Steps[2][4] = b.log.Hash(), b.log.Watchers()
	o.Reuse(key)
	return o
}

// lone has answered transactions that append one entry, as most do. They are used again,
// so a message needs no new commands.
var lone = sync.Pool{New: func() any { return newTransaction(1) }}

// newTransaction returns the op of the method transaction, without keys and entries.
func newTransaction(entries int) *op.Op {
	push := make([]any, 2+entries)
	push[0] = "rpushx"
	return op.Write("", push, []any{"lindex", "", -1 - entries}, []any{"hmget", "", "epoch", "base", "", "read", "guard", "redone"})
}

// recycle puts the op of a settled batch into lone.
func (b *batch) recycle() {
	if o := b.op; o.Script == nil && o.Err == nil && len(b.drafts) == 1 {
		b.op, o.Reply = nil, nil
		lone.Put(o)
	}
}

// scripted reports whether the batch needs append.lua, because a plain transaction is not
// enough.
func (b *batch) scripted() bool { return b.again || b.tight || b.guarded || b.log.User == 0 }

// appending returns the op that appends the batch by append.lua. The script first
// searches for the messages that may be stored already. In a group's log it appends only
// messages of members, and in an inbox only as many as there are places.
func (s *Store) appending(b *batch) *op.Op {
	limits, writers := &s.limits, s.writersOf(b.log)
	since, sent, first, had, at := b.drafts[0].since(), b.drafts[0].Sent, false, int64(0), b.drafts[0].made
	args := make([]any, 0, 18+5*len(b.drafts))
	args = append(args, b.log.Watchers(), 0, 0, firstTryLife, writers, b.log.Closed())
	args = append(append(args, pass.RateArgs(limits.Group)...), pass.RateArgs(limits.GroupMember)...)
	args = append(args, b.owner(), 0, 0)
	bounded := s.bounded(b.log) && b.which == receiverCopy
	if bounded {
		args = s.bound(args)
	}
	for _, d := range b.drafts {
		member := ""
		if writers != "" {
			member = strconv.FormatInt(d.From, 10)
		}
		since, sent, first = min(since, d.since()), min(sent, d.Sent), first || !d.Again
		had, at = max(had, d.had), min(at, d.made)
		args = append(args, d.search(), d.key, d.stored, member, b.rated(d))
	}
	args[1], args[11], args[12] = since, had, at
	if first {
		args[2] = sent
	}
	if b.log.User == 0 {
		return b.log.GroupScript(groupScript, []string{b.log.Leases()}, args...)
	}
	o := b.log.Script(appendScript, args...)
	if bounded {
		o.Keys = append(o.Keys, boundKeys(b.log)...)
	}
	return o
}

// rated returns the id of the user whose rate limits a message to a group. It returns an
// empty string for a delayed message, which was counted when it was scheduled.
func (b *batch) rated(d *draft) string {
	if b.log.User != 0 || d.taken {
		return ""
	}
	return strconv.FormatInt(d.From, 10)
}

// settle reads the answer, and sets the copy or the error of each draft. It returns false
// if the whole batch failed.
func (b *batch) settle() bool {
	err := b.op.Err
	switch {
	case err != nil:
	case b.missing(): // the log was made, and is missing again: a failover is going on
		err = fmt.Errorf("log of %s was lost: %w", b.log.Tag(), ErrUnavailable)
	case b.op.Script != nil && op.Text(b.op.Reply[0]) == "late":
		err = errLate
	case b.op.Script != nil:
		err = b.settleScript()
	default:
		err = b.settleTransaction()
	}
	if err == nil {
		return true
	}
	for _, d := range b.drafts {
		d.copy[b.which], d.err[b.which] = nil, err
	}
	return false
}

func (b *batch) settleTransaction() error {
	r := b.op.Reply
	head, _ := r[2].([]any)
	if len(head) != 6 || op.Text(head[0]) == "" {
		return fmt.Errorf("log of %s has lost its epoch: %w", b.log.Tag(), ErrUnknown)
	}
	epoch, base := rows.ParseEpoch(op.Text(head[0])), op.Integer(head[1])
	template := b.template(op.Text(head[2]), 0)
	number := base + op.Integer(r[0]) - int64(len(b.drafts))
	b.inbox = occupancy{waiting: base + op.Integer(r[0]) - max(base, op.Integer(head[3])), length: op.Integer(r[0]), guarded: op.Text(head[4]) != ""}
	b.redone = op.Integer(head[5])
	prev := entry.KeyOf(op.Text(r[1]))
	for _, d := range b.drafts {
		number++
		if err := b.fill(d, template, epoch, number, prev); err != nil {
			return err
		}
		prev = d.key
	}
	return nil
}

// refusedRole is append.lua's answer for an entry if the sender's role does not allow to
// write.
const refusedRole = "role"

// shortened is what append.lua answers for an entry that may have been removed from the
// log.
const shortened = "gone"

func (b *batch) settleScript() error {
	r := b.op.Reply
	if len(r) != 7+3*len(b.drafts) {
		return fmt.Errorf("append answered %d values: %w", len(r), ErrUnknown)
	}
	template := b.template(op.Text(r[2]), op.Integer(r[3]))
	b.inbox = occupancy{waiting: op.Integer(r[4]), length: op.Integer(r[5]), guarded: op.Text(r[6]) != ""}
	for i, d := range b.drafts {
		number, prev, found := op.Integer(r[7+3*i]), op.Text(r[8+3*i]), op.Text(r[9+3*i])
		if found != "" {
			switch err := d.found([]byte(found)); {
			case errors.Is(err, ErrIDReused):
				d.err[b.which] = err
				continue
			case err != nil:
				return errors.Join(ErrUnknown, err)
			}
		}
		if number == 0 && prev == refusedRole {
			d.err[b.which] = fmt.Errorf("group %d: %w", b.log.Group, ErrForbidden)
			continue
		}
		if number == 0 && prev == shortened && b.which == receiverCopy && d.logs[ownCopy] != (logref.Ref{}) {
			d.gone = true
			continue
		}
		if number == 0 && d.gone {
			d.err[b.which] = ErrForgotten
			continue
		}
		if err := refusals[prev]; number == 0 && err != nil {
			d.err[b.which] = fmt.Errorf("inbox of %d: %w", b.log.User, err)
			continue
		}
		if number == 0 && prev != "" {
			d.err[b.which] = fmt.Errorf("group %d: %w", b.log.Group, pass.Limited(op.Integer(r[8+3*i])))
			continue
		}
		if number == 0 && b.log.User != 0 {
			d.err[b.which] = fmt.Errorf("inbox of %d: %w", b.log.User, ErrInboxFull)
			continue
		}
		if number == 0 {
			d.err[b.which] = fmt.Errorf("group %d: %w", b.log.Group, ErrNotMember)
			continue
		}
		if err := b.fill(d, template, rows.ParseEpoch(op.Text(r[1])), number, prev); err != nil {
			return err
		}
	}
	return nil
}

// template returns a Copy with the fields that are the same for the whole batch.
func (b *batch) template(watchers string, now int64) Copy {
	if b.log.User == 0 {
		return Copy{Nodes: rows.ParseLeases(watchers, now)}
	}
	return Copy{User: b.log.User, Sessions: rows.ParseSessions(watchers)}
}

func (b *batch) fill(d *draft, template Copy, epoch proto.Epoch, number int64, prev string) error {
	c := template
	var err error
	c.Stored, err = entry.At(b.log.Position(epoch, number, d.key), prev, d.stored)
	d.copy[b.which] = &c
	return err
}

// grown reports whether the batch took its log past a multiple of trimEvery.
func (b *batch) grown() bool {
	var first, last int64
	for _, d := range b.drafts {
		if c := d.copy[b.which]; c != nil { // nil if the script refused that draft
			if first == 0 {
				first = c.Stored.At.Number
			}
			last = c.Stored.At.Number
		}
	}
	return first > 0 && (first-1)/trimEvery != last/trimEvery
}

// tight reports whether append.lua must decide if the inbox has places for the batch,
// because many messages wait there.
func (s *Store) tight(b *batch) bool {
	if !s.bounded(b.log) || b.which == ownCopy {
		return false
	}
	in, seen := s.inboxes.Get(b.log.User)
	most := s.places().Sender
	return !seen || int(in.waiting)+len(b.drafts)+min(closeBy, most/2) > most
}

// learn remembers what the answer to a batch says about the inbox of that batch.
func (s *Store) learn(b *batch) {
	if b.inbox.length > 0 {
		s.inboxes.Put(b.log.User, b.inbox)
	}
}
