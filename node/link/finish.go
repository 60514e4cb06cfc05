package link

import (
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// A reset within resetAfter of the end of a peer's sending shows that the peer
	// closed its socket with unread bytes. A program that closes in two steps, like
	// those in Java, mostly takes some milliseconds for them.
	resetAfter = 200 * time.Millisecond
	// answerIn is how long to wait for the answer to one more frame, which shows
	// whether the socket was closed. answerEvery is how often to check for it.
	answerIn    = time.Second
	answerEvery = 5 * time.Millisecond
)

// lastFrame is the frame that shows whether the socket was closed: a pong, which no
// client needs.
var lastFrame = sync.OnceValue(func() []byte {
	b, _ := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_PING, ReqMsg: "pong"})
	return b
})

// Progress is what the system knows about the two directions of a link's socket.
type Progress struct {
	Given  uint64 // bytes that the socket has taken
	Acked  uint64 // how many of these the peer's TCP has acknowledged; its process may not have read them yet
	Unread bool   // bytes of the peer were not read here yet
}

// Progress returns how far the socket has come. It returns false if the connection has
// ended, if it is not TCP, or if the system is not Linux.
func (l *Link) Progress() (p Progress, ok bool) {
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	used := w.control(l, func(fd int) { p, ok = progressOf(fd) })
	return p, used && ok
}

// socket is a copy of a descriptor. It keeps the connection open after its link has
// closed it.
type socket int

const (
	unknown socket = -1 - iota // the system has no copy of the socket, or no way to read its state
	piped                      // a connection without a descriptor, whose peer has read all that was written
)

// finish ends a link whose peer has ended its sending. If the owner's Ending returned a
// function, finish calls it with whether the peer has read everything.
func (l *Link) finish() {
	tell := l.handler.Ending()
	if tell == nil {
		l.abort(proto.OK)
		return
	}
	l.server.writers.Add(1) // the link ends before this is done, and Run must wait for it
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	kept := w.keep(l)
	from, wrote := l.end(proto.OK)
	switch {
	case !wrote || from == stateClosed:
		kept.close()
		tell(false)
	case kept < 0:
		tell(kept == piped)
	default:
		time.AfterFunc(resetAfter, func() {
			defer l.server.writers.Done()
			read, sure := kept.hasRead(from == stateClosing)
			if read && !sure {
				read = kept.isClosed(lastFrame())
			}
			kept.close()
			tell(read)
		})
		return
	}
	l.server.writers.Done()
}
