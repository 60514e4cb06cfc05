package record

import (
	"fmt"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// mostReceivers is how many of a user's latest receivers are remembered. Each takes some
// 80 bytes in the store. A receiver who is no longer remembered counts as new again.
const mostReceivers = 2000

// meeting has those receivers of one sender to whom the sender never wrote before, as
// far as this Store knows. The server with the sender's slot knows for certain.
//
// The server also takes new receivers from a budget of the sender. While much of it is
// left, the server does that in the pipeline that stores the message. If little is left,
// the server must answer first, and the message is stored only if the budget allows it.
type meeting struct {
	from      int64
	receivers []int64
	seen      int64 // the last known budget, in us; zero: not known
	op        *op.Op
}

// meetingsOf returns the meetings of drafts. For the meetings in the result beside, the
// ops are sent together with the messages. For those in the result before, the server
// decides before any message is stored.
func (s *Store) meetingsOf(drafts []*draft, nowMs int64) (beside, before []*meeting) {
	if !s.limits.Receivers.On() && !s.limits.Inboxes { // a full inbox takes more messages from users to whom its owner wrote, see contact.lua
		return nil, nil
	}
	of, known := make(map[int64]*meeting), make(map[pair]bool)
	var list []*meeting
	for _, d := range drafts {
		p := pair{d.From, d.To}
		if d.err[receiverCopy] != nil || d.taken || d.Group != 0 || d.From == d.To || known[p] {
			continue
		}
		known[p] = true
		if _, met := s.pairs.Get(p); met {
			continue
		}
		m := of[d.From]
		if m == nil {
			m = &meeting{from: d.From}
			m.seen, _ = s.newcomers.Get(d.From)
			of[d.From] = m
			list = append(list, m)
		}
		m.receivers = append(m.receivers, d.To)
	}
	for _, m := range list {
		if m.op = m.script(s.limits.Receivers); surely(s.limits.Receivers, m.seen, nowMs*1000, len(m.receivers)) {
			beside = append(beside, m)
		} else {
			before = append(before, m)
		}
	}
	return beside, before
}

func (m *meeting) script(r limit.Rate) *op.Op {
	l := logref.Ref{User: m.from}
	args := append(pass.RateArgs(r), mostReceivers)
	for _, to := range m.receivers {
		args = append(args, to)
	}
	return &op.Op{Key: l.Hash(), Script: meetScript, Keys: []string{l.Hash(), l.Receivers()}, Args: args, Write: true}
}

// settleMeetings learns from the answers of the store. It returns an error for each
// receiver to whom a sender may not write at present. If the store did not answer about a
// meeting, settleMeetings refuses nothing.
func (s *Store) settleMeetings(meetings []*meeting) map[pair]error {
	var refused map[pair]error
	for _, m := range meetings {
		if m.op.Err != nil || len(m.op.Reply) != 1+len(m.receivers) {
			continue
		}
		if us := op.Integer(m.op.Reply[0]); us > 0 {
			s.newcomers.Put(m.from, us)
		}
		for i, to := range m.receivers {
			wait := op.Integer(m.op.Reply[1+i])
			if wait == 0 {
				s.pairs.Put(pair{m.from, to}, struct{}{})
				continue
			}
			if refused == nil {
				refused = make(map[pair]error)
			}
			refused[pair{m.from, to}] = fmt.Errorf("user %d: %w", to, pass.Refused{Reason: ErrNewReceivers, After: pass.Milliseconds(wait)})
		}
	}
	return refused
}
