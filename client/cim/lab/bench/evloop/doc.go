// Package evloop is an event loop over sockets: thousands of connections on one
// goroutine, one read buffer, and at most one write per connection and round. No design
// with epoll costs less CPU. Both ends of the benchmark use it. These are the clients,
// which must cost little beside the servers that they measure, and the baseline.
//
// A Loop starts no goroutine. Everything happens in Poll. The methods of a Loop must not
// be called from two goroutines at a time.
package evloop

import (
	"errors"
)

// ErrUnsupported is returned by New where there is no epoll.
var ErrUnsupported = errors.New("this needs Linux")

// Events handles the events of the connections of a Loop, within Poll. It may call every
// method of Loop and Conn but Poll.
type Events interface {
	// Opened is called for a connection that was accepted, or that was dialled and is
	// open now.
	Opened(c *Conn)
	// Read gets the bytes that arrived and that no earlier call has taken. It returns how
	// many of them it takes. The memory belongs to the loop.
	Read(c *Conn, b []byte) (taken int)
	// Closed is called when a connection has ended, unless Close was called. The error is
	// io.EOF, or the error of reading, writing or dialling.
	Closed(c *Conn, err error)
}
