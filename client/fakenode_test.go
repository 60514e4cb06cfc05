package client

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/client/internal/wire"
	"github.com/cim-go/cim/proto"
)

// dial connects to a node.
func (k *cluster) dial(_ context.Context, node proto.Node) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unreachable[node.ID] {
		return nil, fmt.Errorf("dial %s: connection refused", node.ID)
	}
	mine, theirs := net.Pipe()
	s := &session{cluster: k, node: node.ID, conn: theirs, out: newFrames()}
	go s.read()
	go s.write()
	return mine, nil
}

// session is one connection at a node.
type session struct {
	cluster *cluster
	node    string
	conn    net.Conn
	out     *frames
}

func (s *session) read() {
	defer s.end()
	in := bufio.NewReader(s.conn)
	for {
		f, err := proto.ReadFrame(in, wire.MaxFrame)
		if err != nil {
			return
		}
		if !s.handle(f) {
			return
		}
	}
}

func (s *session) handle(f *proto.Frame) bool {
	k := s.cluster
	k.mu.Lock()
	defer k.mu.Unlock()
	switch f.Cmd {
	case proto.Command_LOGIN_REQUEST:
		return k.openLocked(s)
	case proto.Command_PING:
		k.pings++
		if !k.mute[s.node] {
			s.out.put(&proto.Frame{Cmd: proto.Command_PING})
		}
	case proto.Command_ACK:
		k.acks = append(k.acks, ackSeen{time.Now(), proto.Positions(f.Cursors), f.Shown})
	case proto.Command_SEND:
		return k.sendLocked(s, f)
	}
	return true
}

func (k *cluster) openLocked(s *session) bool {
	if k.onLogin != nil {
		if f := k.onLogin(s); f != nil {
			s.out.put(f)
			return true
		}
	}
	k.live = append(k.live, s)
	s.out.put(&proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: k.number, PingSeconds: 10,
		Newest: k.newestLocked(), Cursors: proto.Marks(k.cursors),
	})
	return true
}

func (k *cluster) sendLocked(s *session, f *proto.Frame) bool {
	k.sends = append(k.sends, f)
	if k.mute[s.node] {
		return true
	}
	var fate fate
	if k.onSend != nil {
		fate = k.onSend(f)
	}
	answer := &proto.Frame{Cmd: proto.Command_SEND_ANSWER, Id: f.Id, Code: int32(fate.code)}
	if fate.code == proto.OK {
		m := k.acceptLocked(f)
		answer.At, answer.Prev, answer.Time = m.At.Mark(), m.Prev, m.Time
	}
	if fate.loseAnswer {
		return false
	}
	s.out.put(answer)
	return true
}

func (s *session) write() {
	defer s.conn.Close()
	for {
		f, ok := s.out.take()
		if !ok {
			return
		}
		b, err := proto.AppendFrame(nil, f)
		if err != nil {
			panic(err)
		}
		if _, err := s.conn.Write(b); err != nil {
			return
		}
	}
}

func (s *session) end() {
	s.out.close()
	s.conn.Close()
	k := s.cluster
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = slices.DeleteFunc(k.live, func(other *session) bool { return other == s })
}

// frames is a queue without a bound: the fake never waits for the client.
type frames struct {
	mu     sync.Mutex
	cond   *sync.Cond
	list   []*proto.Frame
	closed bool
}

func newFrames() *frames {
	q := new(frames)
	q.cond = sync.NewCond(&q.mu)
	return q
}

func (q *frames) put(f *proto.Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.list = append(q.list, f)
		q.cond.Signal()
	}
}

// close makes take return the frames that are left, and then false.
func (q *frames) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond.Signal()
}

func (q *frames) take() (*proto.Frame, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.cond.Wait()
	}
	if len(q.list) == 0 {
		return nil, false
	}
	f := q.list[0]
	q.list = q.list[1:]
	return f, true
}
