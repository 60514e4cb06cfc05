package tcp

import "time"

// answerIn is how long to wait for the answer to one more frame. The answer shows whether
// the peer has closed its socket. answerEvery is how often to check for it.
const (
	answerIn    = time.Second
	answerEvery = 5 * time.Millisecond
)

// Progress is what the system knows about the two directions of a socket.
type Progress struct {
	Given  uint64 // bytes that the socket has taken
	Acked  uint64 // how many of these the peer's TCP has acknowledged; its process may not have read them yet
	Unread bool   // bytes of the peer, or the end of its sending, were not read here yet
}

// Copy is a copy of a descriptor. It keeps the connection open after the descriptor
// was closed.
type Copy int

// Values of a Copy that has no descriptor.
const (
	Unknown Copy = -1 - iota // the system has no copy of the socket, or no way to read its state
	Piped                    // a connection without a descriptor, whose peer has read all that was written
)
