package record

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

// Backlog has the messages that are imported into one log: the inbox of a user, or the
// log of a group. The Time of a message is in ms since 1970. A Time that is zero, or in
// the future, means now. Sent and Again are ignored.
type Backlog struct {
	User, Group int64
	Messages    []Message
}

func (b *Backlog) log() logref.Ref { return logref.Ref{User: b.User, Group: b.Group} }

// Backlogged is the answer to one Backlog. Err is nil, ErrNoUser, ErrNoGroup,
// ErrNotMember if the group has no members, ErrInvalid, ErrUnavailable or ErrUnknown.
// Repeating is harmless.
type Backlogged struct {
	Err    error
	Added  []bool // for each message: it was appended, or would be without dry; false: the log had it
	Length int64  // number of entries in the log after that
}

// importChunk is how many logs one pipeline of an import handles at most.
const importChunk = op.MaxPipeline / 2

// importMark returns the eight bytes that record the import of the message with this
// key.
func importMark(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:8]
}

// ImportMessages appends messages that were accepted elsewhere, each to the given log
// only. It returns one Backlogged per log. However late a call is repeated, a log gets
// each message once, because hashes of the keys of imported messages are kept with the
// log. Nothing is pushed. Connected users get the messages at the next reconciliation.
// If dry is set, nothing is written.
//
// All messages of one Backlog are appended in one step, so all of them are stored, or
// none.
func (s *Store) ImportMessages(ctx context.Context, logs []Backlog, dry bool) []Backlogged {
	answers := make([]Backlogged, 0, len(logs))
	for chunk := range slices.Chunk(logs, importChunk) {
		answers = append(answers, s.importMessages(ctx, chunk, dry)...)
	}
	return answers
}

func (s *Store) importMessages(ctx context.Context, logs []Backlog, dry bool) []Backlogged {
	answers := make([]Backlogged, len(logs))
	now, err := s.Time(ctx)
	var refs []logref.Ref
	var ops []*op.Op
	var of []int
	oldest := make([]int64, len(logs))
	for i := range logs {
		var o *op.Op
		if answers[i].Err = err; err == nil {
			o, oldest[i], answers[i].Err = logs[i].op(now, dry)
		}
		if answers[i].Err == nil {
			refs, ops, of = append(refs, logs[i].log()), append(ops, o), append(of, i)
		}
	}
	if dry {
		s.Run(ctx, "append", ops...)
	} else {
		s.onLogsBy(ctx, s.Accept, "append", refs, ops, false) // false: a log that does not exist was not lost, but never made
	}
	var sweeps []queue.Job
	for j, o := range ops {
		i := of[j]
		a := backlogged(o, len(logs[i].Messages))
		answers[i] = a
		if due := oldest[i] + s.retention.Age; !dry && a.Err == nil && slices.Contains(a.Added, true) && due < now+s.retention.Age/2 {
			sweeps = append(sweeps, queue.Job{Key: refs[j].Tag(), Due: due})
		}
	}
	for _, err := range s.Put(ctx, queue.Sweeps, sweeps, sweepShard, true) {
		if err != nil {
			s.log.Warn("imported messages are swept later", "err", err)
		}
	}
	for i := range answers {
		if answers[i].Err != nil {
			answers[i].Err = fmt.Errorf("import into log %s: %w", logs[i].log().Tag(), answers[i].Err)
		}
	}
	return answers
}

// op returns the op that appends the messages, and the time of the oldest one.
func (b *Backlog) op(now int64, dry bool) (*op.Op, int64, error) {
	l, oldest := b.log(), now
	args := []any{dry, nil, nil}
	for _, m := range b.Messages {
		if m.Time <= 0 || m.Time > now {
			m.Time = now
		}
		oldest = min(oldest, m.Time)
		m.taken = true // so that it keeps its time
		d := newDraft(&m, now)
		if err := d.err[receiverCopy]; err != nil {
			return nil, 0, err
		}
		args = append(args, importMark(d.key), d.key, d.stored)
	}
	genesis, err := proto.EncodeStored(entry.GenesisKey, &proto.Entry{Time: oldest, Kind: proto.Kind_GENESIS})
	if err != nil {
		return nil, 0, err
	}
	args[1], args[2] = genesis, oldest
	o := l.Script(importScript, args...)
	o.Keys = append(o.Keys, l.Imported())
	if l.Closed() {
		o.Keys = append(o.Keys, l.Members())
	}
	o.Write = !dry
	return o, oldest, nil
}

// backlogged reads the answer of import.lua about that many messages.
func backlogged(o *op.Op, messages int) Backlogged {
	if o.Err != nil {
		return Backlogged{Err: o.Err}
	}
	a := Backlogged{Added: make([]bool, messages)}
	switch op.Text(o.Reply[0]) {
	case "empty":
		return Backlogged{Err: fmt.Errorf("%w: it has no members", ErrNotMember)}
	case "nolog": // in a dry run
		for i := range a.Added {
			a.Added[i] = true
		}
		a.Length = int64(messages)
		return a
	}
	a.Length = op.Integer(o.Reply[1])
	for i := range a.Added {
		a.Added[i] = len(o.Reply) > 2+i && op.Text(o.Reply[2+i]) == "1"
	}
	return a
}
