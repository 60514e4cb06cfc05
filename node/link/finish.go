package link

import (
	"sync"
	"time"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// A reset within resetAfter of the end of a peer's sending shows that the peer closed its
// socket with unread bytes. Some programs, like those in Java, first end their sending
// and then close the socket, usually some milliseconds later.
const resetAfter = 200 * time.Millisecond

// writtenIn is how long judge waits between two looks at a write that is still under way.
// Such a write ends soon, because the socket was closed.
const writtenIn = 5 * time.Millisecond

// lastFrame is sent to find out whether the peer has closed its socket: the peer's
// system answers for a closed socket with a reset. The frame is a pong, which no client
// needs.
var lastFrame = sync.OnceValue(func() []byte {
	b, _ := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_PING, ReqMsg: "pong"})
	return b
})

// Progress is how far the socket of a link has come.
type Progress = tcp.Progress

// Progress returns how far the socket has come. It returns false if the connection has
// ended, if it is not TCP, or if the system is not Linux.
func (l *Link) Progress() (p Progress, ok bool) {
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	used := w.control(l, func(fd int) { p, ok = tcp.ProgressOf(fd) })
	return p, used && ok
}

// finish ends a link whose peer has ended its sending. If the owner's Ending returned a
// function, finish calls it, and passes whether the peer has read everything.
func (l *Link) finish() {
	tell := l.handler.Ending()
	if tell == nil {
		l.abort(proto.OK)
		return
	}
	l.server.writers.Add(1) // this goes on after the link has ended, and Run must wait for it
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	e := &ending{link: l, kept: w.keep(l), tell: tell}
	e.from = l.end(proto.OK)
	if e.kept == tcp.Piped {
		e.judge()
		return
	}
	time.AfterFunc(resetAfter, e.judge)
}

// ending is the end of a link whose owner wants to know whether the peer has read
// everything.
type ending struct {
	link *Link
	kept tcp.Copy
	from state // the link's state before its end
	tell func(read bool)
}

// judge calls tell, unless the peer had reset the connection. It waits for the end of a
// write that is under way, and does not block meanwhile.
func (e *ending) judge() {
	l := e.link
	l.mu.Lock()
	writes, wrote, reset := l.writesLocked(), l.flow != broken, l.reset
	l.mu.Unlock()
	if writes {
		time.AfterFunc(writtenIn, e.judge)
		return
	}
	defer l.server.writers.Done()
	defer e.kept.Close()
	switch {
	case e.kept == tcp.Piped:
		e.tell(wrote)
	case !reset:
		e.tell(wrote && e.from != stateClosed && e.kept >= 0 && e.kept.HasRead(e.from == stateClosing, lastFrame()))
	}
}
