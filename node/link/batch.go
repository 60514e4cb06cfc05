package link

import (
	"sync"

	"github.com/cim-go/cim/proto"
)

// Batch is a list of packets that go to the same links in this order. It encodes them at
// most once for each form, when the first link needs that form. It is safe for concurrent
// use.
type Batch struct {
	packets []*Packet
	counts  []count
	turn    turn
	forms   [forms]struct {
		once  sync.Once
		bytes []byte // nil: one of the packets cannot be encoded in this form
	}
}

// count says how many packets of a batch have the same command.
type count struct {
	cmd proto.Command
	n   int
}

// NewBatch makes a batch of packets. The slice belongs to the batch afterwards, and the
// caller must not change it.
func NewBatch(packets []*Packet) *Batch {
	b := &Batch{packets: packets, turn: later}
	for _, p := range packets {
		b.turn = b.turn && p.turn() // b.turn is soon (false) if it is soon for one packet
		b.count(p.frame.Cmd)
	}
	return b
}

func (b *Batch) count(cmd proto.Command) {
	for i := range b.counts {
		if b.counts[i].cmd == cmd {
			b.counts[i].n++
			return
		}
	}
	b.counts = append(b.counts, count{cmd, 1})
}

// Packets returns the batch's packets. The caller must not change the slice.
func (b *Batch) Packets() []*Packet { return b.packets }

// encoded returns the encoded frames of the whole batch, which all links share. It
// returns nil if the packets must be sent one by one.
func (b *Batch) encoded(f form) []byte {
	e := &b.forms[f]
	e.once.Do(func() {
		all := make([][]byte, len(b.packets))
		size := 0
		for i, p := range b.packets {
			var err error
			if all[i], err = p.encoded(f); err != nil {
				return
			}
			size += len(all[i])
		}
		e.bytes = make([]byte, 0, size)
		for _, one := range all {
			e.bytes = append(e.bytes, one...)
		}
	})
	return e.bytes
}

// SendAll does what Send does for each packet of a batch. If the link has room for all
// of them, that costs no more than one Send.
func (l *Link) SendAll(b *Batch) {
	l.mu.Lock()
	whole := l.queueBatchLocked(b)
	l.mu.Unlock()
	if !whole {
		for _, p := range b.packets {
			l.Send(p)
		}
		return
	}
	for _, c := range b.counts {
		l.server.metrics.sent(c.cmd, c.n)
	}
}

// queueBatchLocked queues the batch in one piece and returns true, or queues nothing and
// returns false.
func (l *Link) queueBatchLocked(b *Batch) bool {
	if !l.sendsLocked() {
		return false
	}
	bytes := b.encoded(l.form)
	if bytes == nil || !l.out.Fits(len(bytes), l.server.config.OutboxBytes) {
		return false
	}
	l.addLocked(bytes, b.turn)
	return true
}
