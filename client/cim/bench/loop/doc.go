// Package loop is an event loop over sockets: thousands of connections on one
// goroutine, with one buffer to read into and one write a connection and round.
// It is as cheap as this can be done with epoll, and both ends of the benchmark
// stand on it: the clients, which must cost little beside the servers they
// measure, and the server that shows the machine's own limit.
//
// A Loop starts no goroutine: everything happens in Poll, and nothing here may be
// called from two goroutines at a time.
package loop

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
