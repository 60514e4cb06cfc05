package link

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
)

// Handler owns a link. Its methods are called without any lock held.
type Handler interface {
	// Handle takes the next frame, which may be kept and must not be changed. Frames
	// come one at a time, in order; the first is a LOGIN_REQUEST. While it runs
	// the link does not read, and with the epoll engine no other link of its loop
	// does, so it must not wait for the network or for another link.
	Handle(f *proto.Frame)
	// Tick is called about once a second while the link is open.
	Tick(now time.Time)
	// Closed is called once, when the link stops taking packets: with the code
	// given to Close, or proto.OK when the peer went. It may be called from
	// within Close. What waits may still be written.
	Closed(code proto.Code)
}

// state of a link; it only grows.
type state uint8

const (
	stateOpen    state = iota
	stateClosing       // takes no packets, writes what waits, then its goodbye
	stateClosed        // the socket is closed or about to be
)

// Link is one connection. Its methods never block and are safe for concurrent
// use.
//
// There is one for every idle connection, so its fields are as small as they can
// be and stand by size.
type Link struct {
	// Set by accept, read by all.
	server  *Server
	id      uint64
	handler Handler

	// What the sweep judges begins here: when the link was accepted, until its first
	// frame; then the last byte from the peer; then when closing began. In the
	// sweep's ms.
	since atomic.Int64

	late int32 // bytes that came after Close; owned by the reader
	slot int32 // place in the server's list; guarded by the list's mu
	in   input // where bytes go; owned by the reader

	mu       sync.Mutex
	poll     poll // what the epoll engine knows of it
	form     form
	ours     bool // the peer understands our goodbye
	state    state
	held     bool // the owner does not want more frames now
	loggedIn bool // the first frame came; the reader writes it, and may read it without mu
	writing  bool // somebody writes, or will
	wire     wire // changes once, when TLS is put under a link
	out      outbox
}

// turn is when a link is written.
type turn bool

const (
	soon  turn = false // it has something of its own: an answer, a private message
	later turn = true  // it has what a crowd has, or had a turn and has more
)

// wire carries the bytes of links: one of the two engines. Its methods do not
// block.
type wire interface {
	// flush is called once Link.writing was set: with something to write, or
	// with the sending half to close. Whether a turn counts is the engine's matter.
	// Under the link's mu.
	flush(l *Link, t turn)
	// listen is called when the link may be read again. Under the link's mu.
	listen(l *Link)
	// shut closes the socket of a link whose state is closed. More than once is
	// fine.
	shut(l *Link)
	// peer returns the peer's address.
	peer(l *Link) net.Addr
}

// ID returns a number that no other link of this process has.
func (l *Link) ID() uint64 { return l.id }

// RemoteAddr returns the peer's address, which is empty when the link has ended.
func (l *Link) RemoteAddr() net.Addr {
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	return w.peer(l)
}

// Plain reports whether the link is framed the way CIM does it: not WebSocket.
func (l *Link) Plain() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.form == formTCP
}

// Queued returns the bytes that the socket has not taken yet.
func (l *Link) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.bytes()
}

// Send queues the packet and returns at once. On a link that lags, a message
// with a place in a log is not queued; its place is told later. A link that is
// closing drops everything.
func (l *Link) Send(p *Packet) {
	l.mu.Lock()
	dropped := l.queueLocked(p)
	l.mu.Unlock()
	l.server.metrics.queued(p.frame.Cmd, dropped)
}

// Offer queues the packet unless the link lags or is closing, and reports
// whether it did. It is for peers that do not understand NEWEST: what was
// refused is the caller's to offer again.
func (l *Link) Offer(p *Packet) bool {
	l.mu.Lock()
	b, err := p.encoded(l.form)
	ok := err == nil && l.state == stateOpen && l.out.takes(len(b))
	if ok {
		l.addLocked(b, p.turn())
	}
	l.mu.Unlock()
	if ok {
		l.server.metrics.sent(p.frame.Cmd, 1)
	}
	return ok
}

// queueLocked returns why the packet was not queued.
func (l *Link) queueLocked(p *Packet) dropReason {
	if l.state != stateOpen {
		return dropClosed
	}
	b, err := p.encoded(l.form)
	if err != nil {
		return dropEncode
	}
	if p.numbered() && !l.out.takes(len(b)) {
		l.out.missed(p.Mark())
		return dropLagging
	}
	l.addLocked(b, p.turn())
	return kept
}

// addLocked queues bytes and sees that somebody writes them.
func (l *Link) addLocked(b []byte, t turn) {
	l.out.add(b, l.server.config.OutboxBytes)
	l.startLocked(t)
}

func (l *Link) startLocked(t turn) {
	if l.writing {
		return
	}
	l.writing = true
	l.wire.flush(l, t)
}

// Hold stops the reading of frames after the ones at hand, or lets it go on.
func (l *Link) Hold(on bool) {
	l.mu.Lock()
	l.held = on
	l.resumeLocked()
	l.mu.Unlock()
}

// mayReadLocked reports whether the link takes bytes from its peer.
func (l *Link) mayReadLocked() bool {
	return l.state != stateOpen || !l.held && !l.out.full()
}

// resumeLocked reads on if that is allowed now.
func (l *Link) resumeLocked() {
	if l.mayReadLocked() {
		l.wire.listen(l)
	}
}

// Close ends the link: what waits is written, then a goodbye with the code and
// a sentence for people (empty: the code's own). Only the first call counts.
func (l *Link) Close(code proto.Code, sentence string) {
	if sentence == "" {
		sentence = code.Text()
	}
	l.closeWith(code, func() []byte { return goodbye(l.form, l.ours, code, sentence) })
}

// closeWith is Close with the last bytes to write, made under mu.
func (l *Link) closeWith(code proto.Code, last func() []byte) {
	l.mu.Lock()
	if l.state != stateOpen {
		l.mu.Unlock()
		return
	}
	if b := last(); b != nil {
		l.out.add(b, l.server.config.OutboxBytes)
	}
	l.state = stateClosing
	l.since.Store(l.server.clock.Load())
	l.startLocked(soon) // also with nothing to write: it closes the sending half
	l.resumeLocked()
	l.mu.Unlock()
	l.server.metrics.closed(code)
	l.handler.Closed(code)
}

// abort closes the socket now. The code counts if the link was open.
func (l *Link) abort(code proto.Code) {
	l.mu.Lock()
	first := l.state == stateOpen
	l.state = stateClosed
	l.out.drop()
	l.resumeLocked()
	w := l.wire
	l.mu.Unlock()
	w.shut(l)
	if first {
		l.server.metrics.closed(code)
		l.handler.Closed(code)
	}
}

// goodbye returns the last frame for a peer that understands it, else nil.
func goodbye(as form, ours bool, code proto.Code, sentence string) []byte {
	switch {
	case as != formTCP:
		return appendClose(nil, uint16(code), sentence)
	case !ours:
		return nil
	}
	b, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_KICK, Code: int32(code), ReqMsg: sentence})
	if err != nil {
		return nil
	}
	return b
}
