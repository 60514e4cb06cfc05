// Package evloop is an event loop over sockets: thousands of connections on one
// goroutine, one read buffer, and at most one write per connection and round. No
// design over epoll costs less CPU. Both ends of the benchmark use it: the clients,
// which must cost little beside the servers they measure, and the baseline.
//
// A Loop starts no goroutine. Everything happens in Poll. Its methods must not be
// called from two goroutines at a time.
package evloop

import (
	"errors"
)

// ErrUnsupported is returned by New where there is no epoll.
var ErrUnsupported = errors.New("this needs Linux")

// Events hears from the connections of a Loop, within Poll. It may call every
// method of Loop and Conn but Poll.
type Events interface {
	// Opened is told of a connection that was accepted, or of one that was dialled
	// and stands.
	Opened(c *Conn)
	// Read is given what came and was not taken before, and returns how many bytes
	// of it it takes. The memory is the loop's.
	Read(c *Conn, b []byte) (taken int)
	// Closed is told why a connection is gone, unless Close was called: io.EOF, or
	// what reading, writing or dialling failed with.
	Closed(c *Conn, err error)
}
