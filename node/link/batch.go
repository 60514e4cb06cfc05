package link

import (
	"sync"

	"github.com/cim-go/cim/proto"
)

// Batch is packets that go to the same links, one behind the other. What they are in
// a form is put together at most once, when the first link needs it. Safe for
// concurrent use.
type Batch struct {
	packets []*Packet
	counts  []count
	turn    turn
	forms   [forms]struct {
		once  sync.Once
		bytes []byte // nil: a packet has no such form
	}
}

// count is how many packets of a batch have a command.
type count struct {
	cmd proto.Command
	n   int
}

// NewBatch takes over the slice: nobody may change it any more.
func NewBatch(packets []*Packet) *Batch {
	b := &Batch{packets: packets, turn: later}
	for _, p := range packets {
		b.turn = b.turn && p.turn() // soon if one of them is
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

// Packets returns what the batch has, which must not be changed.
func (b *Batch) Packets() []*Packet { return b.packets }

// encoded returns the bytes of all that go on the wire, shared by all links; nil if
// it is not that simple.
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

// SendAll is Send for each packet of a batch. For a link that has room for all of
// them it costs no more than one.
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

// queueBatchLocked reports whether it queued the batch in one piece; if not, it
// queued nothing.
func (l *Link) queueBatchLocked(b *Batch) bool {
	if l.state != stateOpen {
		return false
	}
	bytes := b.encoded(l.form)
	if bytes == nil || !l.out.fits(len(bytes), l.server.config.OutboxBytes) {
		return false
	}
	l.addLocked(bytes, b.turn)
	return true
}
