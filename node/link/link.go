package link

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cim-go/cim/node/link/outbox"
	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
)

// Handler owns a link. Its methods are called without any lock held.
type Handler interface {
	// Handle is called with the next frame, which may be kept and must not be changed.
	// Frames come one at a time, in order. The first is a LOGIN_REQUEST. While Handle
	// runs, the link is not read. With the epoll engine the other links of its loop are
	// not read either. So Handle must not wait for the network or for another link.
	Handle(f *proto.Frame)
	// Tick is called about once a second while the link is open.
	Tick(now time.Time)
	// Closed is called once, when the link stops taking packets. The code is the one
	// given to Close, or proto.OK if the peer ended the connection. Closed may be
	// called from within Close. Waiting packets may still be written.
	Closed(code proto.Code)
	// Ending is called when the peer has ended its sending. It is called before Closed,
	// unless the link was closing. The function that it returns is called once, soon
	// after Closed and perhaps on another goroutine. Its argument says whether the peer
	// had read everything that it was sent. The function is not called if a reset by the
	// peer was noticed. In rare cases a reset is noticed too late. Ending may return nil.
	Ending() (tell func(read bool))
}

// state is the state of a link. It only changes to a higher value.
type state uint8

const (
	stateOpen    state = iota
	stateClosing       // takes no packets, writes what waits, then its goodbye
	stateClosed        // the socket is closed, or will be at once
)

// flow tells whether frames go to the peer of an open link.
type flow uint8

const (
	flows  flow = iota
	muted       // the link takes no more packets
	broken      // the same, and bytes were discarded: a write failed, or some waited when the link was muted or ended
)

// chunk bounds the bytes that one system call writes. It also decides how slow a socket
// may be: a socket that takes fewer bytes than this within Config.StallTimeout is closed.
const chunk = tcp.Chunk

// chunks are buffers that are not in use.
var chunks = &tcp.Chunks

// Link is one connection. Its methods never block and are safe for concurrent use.
//
// There is a Link for every idle connection, so its fields are as small as possible and
// ordered by size.
type Link struct {
	// Set by accept, read by all.
	server  *Server
	id      uint64
	handler Handler

	// since is the time from which the sweep judges the link, in ms of the sweep's clock.
	// At first it is the time when the link was accepted. After the first frame, it is
	// the time of the peer's last byte. At the end, it is the time when closing began.
	since atomic.Int64

	late int32 // how many bytes came after Close; owned by the reader
	slot int32 // place in the server's list; guarded by the list's mu
	in   input // takes the bytes that are read; owned by the reader

	mu       sync.Mutex
	poll     poll // the epoll engine's state of the link
	form     form
	ours     bool // the peer understands our goodbye
	state    state
	held     bool // the owner does not want more frames now
	loggedIn bool // the first frame came; the reader writes it, and may read it without mu
	writing  bool // a goroutine writes, or will
	flow     flow // whether frames go to the peer
	reset    bool // a read or a write found that the peer had reset the connection, before it ended its sending
	wire     wire // changes once, when TLS is put under a link
	out      outbox.Outbox
}

// input is a state of the push parser. push takes bytes as they come and keeps a copy of
// an incomplete part. It may change b, and does not retain it. An error that is a
// *proto.Error closes the link with its code. Only the reader uses a link's input. An
// input that keeps nothing is shared by all links.
type input interface {
	push(l *Link, b []byte) error
}

// wire carries the bytes of links. Each of the two engines has one. Its methods do not
// block.
type wire interface {
	// flush writes the link's frames soon, or closes the sending half. It is called
	// under the link's mu, after Link.writing was set. An engine may ignore the turn.
	flush(l *Link, t turn)
	// listen resumes the reading of the link. It is called under the link's mu.
	listen(l *Link)
	// shut closes the socket of a link whose state is closed. It may be called more
	// than once.
	shut(l *Link)
	// control calls f with the socket's descriptor. It returns false if there is none
	// any more.
	control(l *Link, f func(fd int)) bool
	// keep returns a copy of the socket of a link that is about to end. Only the
	// goroutine that reads the link may call it.
	keep(l *Link) tcp.Copy
	// peer returns the peer's address, and local returns ours. They are empty when the
	// link has ended.
	peer(l *Link) net.Addr
	local(l *Link) net.Addr
}

// ID returns a number that no other link of this process has.
func (l *Link) ID() uint64 { return l.id }

// RemoteAddr returns the peer's address, which is empty when the link has ended.
func (l *Link) RemoteAddr() net.Addr { return l.carrier().peer(l) }

func (l *Link) localAddr() net.Addr { return l.carrier().local(l) }

func (l *Link) carrier() wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wire
}

// Plain reports whether the link has CIM's framing and not WebSocket.
func (l *Link) Plain() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.form == formTCP
}

// Queued returns the bytes that the socket has not taken yet.
func (l *Link) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Bytes()
}

// Send queues the packet and returns at once. If the link lags, a message with a place
// in a log is not queued, and the peer gets only its place, later. A link that is
// closing or muted drops everything.
func (l *Link) Send(p *Packet) {
	l.mu.Lock()
	dropped := l.queueLocked(p)
	l.mu.Unlock()
	l.server.metrics.queued(p.frame.Cmd, dropped)
}

// Offer queues the packet unless the link lags, is closing or is muted, and reports
// whether it did. It is for frames that a NEWEST cannot replace, and for peers that do
// not understand NEWEST. If Offer returns false, the packet is dropped unless the caller
// offers it again.
func (l *Link) Offer(p *Packet) bool {
	l.mu.Lock()
	b, err := p.encoded(l.form)
	ok := err == nil && l.sendsLocked() && l.out.Takes(len(b))
	if ok {
		l.addLocked(b, p.turn())
	}
	l.mu.Unlock()
	if ok {
		l.server.metrics.sent(p.frame.Cmd, 1)
	}
	return ok
}

// sendsLocked reports whether the link takes frames now.
func (l *Link) sendsLocked() bool { return l.state == stateOpen && l.flow == flows }

// queueLocked queues the packet, or returns why it did not.
func (l *Link) queueLocked(p *Packet) dropReason {
	if !l.sendsLocked() {
		return dropClosed
	}
	b, err := p.encoded(l.form)
	if err != nil {
		return dropEncode
	}
	if p.numbered() && !l.out.Takes(len(b)) {
		l.out.Missed(p.Mark())
		return dropLagging
	}
	l.addLocked(b, p.turn())
	return kept
}

// addLocked queues bytes and makes sure that a goroutine writes them.
func (l *Link) addLocked(b []byte, t turn) {
	l.out.Add(b, l.server.config.OutboxBytes)
	l.startLocked(t)
}

func (l *Link) startLocked(t turn) {
	if l.writing {
		return
	}
	l.writing = true
	l.wire.flush(l, t)
}

// Hold(true) stops the reading of the link, after the frames that were read already.
// Hold(false) lets it continue.
func (l *Link) Hold(on bool) {
	l.mu.Lock()
	l.held = on
	l.resumeLocked()
	l.mu.Unlock()
}

// mayReadLocked reports whether the link may be read now.
func (l *Link) mayReadLocked() bool {
	return l.state != stateOpen || l.flow == broken || !l.held && !l.out.Full()
}

// resumeLocked resumes the reading of the link if that is allowed now.
func (l *Link) resumeLocked() {
	if l.mayReadLocked() {
		l.wire.listen(l)
	}
}

// Close ends the link. Before that, the link writes the waiting frames, and then a
// goodbye with the code and a sentence for people. If sentence is empty, the goodbye has
// the code's own sentence. Only the first call counts.
func (l *Link) Close(code proto.Code, sentence string) {
	if sentence == "" {
		sentence = code.Text()
	}
	l.closeWith(code, func() []byte { return goodbye(l.form, l.ours, code, sentence) })
}

// closeWith does what Close does. The function last is called under mu and returns the
// last bytes to write.
func (l *Link) closeWith(code proto.Code, last func() []byte) {
	l.mu.Lock()
	if l.state != stateOpen {
		l.mu.Unlock()
		return
	}
	if b := last(); b != nil {
		l.out.Add(b, l.server.config.OutboxBytes)
	}
	l.state = stateClosing
	l.since.Store(l.server.clock.Load())
	l.startLocked(soon) // even if there is nothing to write, because the writer closes the sending half
	l.resumeLocked()
	l.mu.Unlock()
	l.server.metrics.closed(code)
	l.handler.Closed(code)
}

// Mute makes the link take no further frames. The link is still read. If more frames wait
// than one write takes, Mute discards them, and the peer does not count as having read
// everything.
func (l *Link) Mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flow = max(l.flow, muted)
	if l.out.Bytes() > chunk {
		l.out.Drop()
		l.flow = broken
		l.resumeLocked()
	}
}

// abort closes the socket at once. If the link was open, Handler.Closed gets the code.
func (l *Link) abort(code proto.Code) { l.end(code) }

// readFailed ends the link after a read failed with err.
func (l *Link) readFailed(err error) {
	l.mu.Lock()
	l.failedLocked(err)
	l.mu.Unlock()
	l.abort(proto.OK)
}

// writeFailed ends the link after a write failed with err, except after EPIPE. A write
// fails with EPIPE if a peer ends its sending and then resets the connection. Then the
// reader comes to the end of what the peer sent, and ends the link (finish).
func (l *Link) writeFailed(err error) {
	l.mu.Lock()
	l.flow = broken
	l.failedLocked(err)
	l.out.Drop()
	ended := errors.Is(err, syscall.EPIPE) && l.state != stateClosed
	if ended {
		l.writing = false
		l.resumeLocked()
	}
	l.mu.Unlock()
	if !ended {
		l.abort(proto.OK)
	}
}

// failedLocked records whether err is a reset. The system reports a reset only once, to
// a read or to a write.
func (l *Link) failedLocked(err error) {
	l.reset = l.reset || errors.Is(err, syscall.ECONNRESET)
}

// end does what abort does. It also returns the state of the link before the call.
func (l *Link) end(code proto.Code) (from state) {
	l.mu.Lock()
	from = l.state
	l.state = stateClosed
	l.stopLocked()
	l.resumeLocked()
	w := l.wire
	l.mu.Unlock()
	w.shut(l)
	if from == stateOpen {
		l.server.metrics.closed(code)
		l.handler.Closed(code)
	}
	return from
}

// stopLocked is called at the link's end. It discards the bytes that wait, except those
// of a write that is under way.
func (l *Link) stopLocked() {
	if !l.out.Stop() {
		l.flow = broken
	}
}

// writesLocked reports whether a write is still under way after the link's end. A peer may
// have read its bytes, and closed the connection, before the writer recorded them.
func (l *Link) writesLocked() bool { return l.flow != broken && !l.out.Idle() }

// goodbye returns the last frame, encoded in the given form, or nil if the peer does
// not understand it.
func goodbye(as form, ours bool, code proto.Code, sentence string) []byte {
	switch {
	case as != formTCP:
		return ws.AppendClose(nil, uint16(code), sentence)
	case !ours:
		return nil
	}
	b, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_KICK, Code: int32(code), ReqMsg: sentence})
	if err != nil {
		return nil
	}
	return b
}
