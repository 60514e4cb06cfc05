package groups

import (
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/pull"
	"github.com/cim-go/cim/proto"
)

const room = int64(77)

// member is a connection that counts what it is sent.
type member struct{ sent int }

func (m *member) Push(*link.Packet)     { m.sent++ }
func (m *member) PushAll(b *link.Batch) { m.sent += len(b.Packets()) }
func (m *member) Reopen()               {}

// sequencer returns the sequencer of a room with one member.
func sequencer() (*Sequencer[*member], *member) {
	h, m := hub.New[*member](), new(member)
	e := new(hub.Entry[*member])
	e.Identify(1, "alice", "phone", m)
	h.Enter(e, 5)
	h.SetGroups(e, []int64{room}, 1)
	h.Open(e, 5)
	counter := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{}) }
	return New(Config[*member]{Hub: h, Queue: pull.New(), Gaps: counter(), Failed: counter()}).Of(room), m
}

func post(number int, text string) hub.Post {
	p := link.NewPacket(&proto.Frame{
		Cmd: proto.Command_MESSAGE, From: 9, Id: strconv.Itoa(number), Group: room, Prev: proto.Key(9, strconv.Itoa(number-1)),
		At: &proto.Mark{Log: room, Epoch: 9, Number: int64(number)}, ReqMsg: text,
	})
	return hub.Post{Packet: p, Mark: p.Mark()}
}

// Entries that are sent in one piece fit into an outbox.
func TestPieceIsBoundedInBytes(t *testing.T) {
	s, _ := sequencer()
	for i, size := range []int{1, 1, 60 << 10, 60 << 10, 60 << 10} {
		s.ready = append(s.ready, post(i+1, strings.Repeat("x", size)))
	}
	if first, second := len(s.pieceLocked()), len(s.pieceLocked()); first != 4 || second != 1 {
		t.Errorf("pieces of %d and %d, want 4 and 1", first, second)
	}
}

func TestEarlyEntryWaitsForTheOneBeforeIt(t *testing.T) {
	s, m := sequencer()
	for _, step := range []struct{ number, sent int }{{1, 1}, {3, 1}, {2, 3}, {2, 3}} {
		s.Push(post(step.number, "text"))
		s.Send()
		if m.sent != step.sent {
			t.Errorf("after entry %d: %d were sent, want %d", step.number, m.sent, step.sent)
		}
	}
}

// BenchmarkPush measures the push of an entry of a room that follows the last one. In
// "early", each second entry comes before the one that it follows.
func BenchmarkPush(b *testing.B) {
	for _, name := range []string{"follows", "early"} {
		b.Run(name, func(b *testing.B) {
			s, _ := sequencer()
			posts := make([]hub.Post, b.N+1)
			for i := range posts {
				posts[i] = post(i+1, "")
			}
			if name == "early" {
				for i := 1; i+1 < len(posts); i += 2 {
					posts[i], posts[i+1] = posts[i+1], posts[i]
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i, p := range posts {
				s.Push(p)
				if i%maxPieceEntries == 0 {
					clear(s.ready)
					s.ready = s.ready[:0]
				}
			}
		})
	}
}
