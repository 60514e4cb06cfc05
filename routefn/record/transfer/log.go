package transfer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// Backlog has the messages that are imported into one log: the inbox of a user, or the
// log of a group. The Time of a message is in ms since 1970. A Time that is zero, or in
// the future, means now.
type Backlog struct {
	User, Group int64
	Messages    []Message
}

// Message is a message that was accepted elsewhere.
type Message struct {
	From     int64
	FromName string
	ID       string
	To       int64 // the user who received it; zero: a group did
	Group    int64 // the group that received it; zero: a user did
	Text     string
	Time     int64
	Confirm  bool // the sender wanted to know when it was shown
}

func (b *Backlog) log() logref.Ref { return logref.Ref{User: b.User, Group: b.Group} }

// Backlogged is the answer to one Backlog. Err is nil, ErrNoUser, ErrNoGroup, ErrNoMembers,
// ErrInvalid, ErrUnavailable or ErrUnknown. Repeating is harmless.
type Backlogged struct {
	Err    error
	Added  []bool // for each message: whether it was appended, or would be if this were not a dry run; false: the log had it already
	Length int64  // number of entries in the log afterwards
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
// only. It returns one Backlogged per log. A log gets each message once, even if a call
// is repeated much later. The reason is that the store keeps hashes of the keys of
// imported messages with the log. Nothing is pushed. Connected users get the messages at
// the next reconciliation. If the parameter dry is set, nothing is written.
//
// All messages of one Backlog are appended in one step, so all of them are stored, or
// none.
func (s *Transfers) ImportMessages(ctx context.Context, logs []Backlog, dry bool) []Backlogged {
	answers := make([]Backlogged, 0, len(logs))
	for chunk := range slices.Chunk(logs, importChunk) {
		answers = append(answers, s.importMessages(ctx, chunk, dry)...)
	}
	return answers
}

func (s *Transfers) importMessages(ctx context.Context, logs []Backlog, dry bool) []Backlogged {
	answers := make([]Backlogged, len(logs))
	now, err := s.db.Time(ctx)
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
		s.db.Run(ctx, "append", ops...)
	} else {
		s.logs.Append(ctx, refs, ops)
	}
	var grown []logref.Ref
	var times []int64
	for j, o := range ops {
		i := of[j]
		if answers[i] = backlogged(o, len(logs[i].Messages)); !dry && slices.Contains(answers[i].Added, true) {
			grown, times = append(grown, refs[j]), append(times, oldest[i])
		}
	}
	s.logs.Grown(ctx, grown, times)
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
		key, stored, err := entry.Encode(m.From, m.ID, &proto.Entry{
			FromName: m.FromName, To: m.To, Group: m.Group, Time: m.Time, Text: m.Text, Confirm: m.Confirm,
		})
		if err == nil && m.Group < 0 {
			err = fmt.Errorf("group %d: %w", m.Group, logref.ErrNoGroup)
		}
		if err != nil {
			return nil, 0, err
		}
		args = append(args, importMark(key), key, stored)
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

// backlogged reads the answer of import.lua. The parameter messages is how many messages
// it is about.
func backlogged(o *op.Op, messages int) Backlogged {
	if o.Err != nil {
		return Backlogged{Err: o.Err}
	}
	a := Backlogged{Added: make([]bool, messages)}
	switch op.Text(o.Reply[0]) {
	case "empty":
		return Backlogged{Err: ErrNoMembers}
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
