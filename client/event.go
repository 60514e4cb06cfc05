package client

import (
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// Event is a change of the client itself and not of a conversation: Connected,
// Disconnected, Trimmed, Delivered or Stopped. The method String returns a sentence for
// people.
type Event interface {
	fmt.Stringer
	event()
}

// Connected reports that the client has a live connection.
type Connected struct {
	Node  proto.Node
	Moved bool // the previous node is draining and has moved the client to this one
}

// Disconnected reports that a connection was lost, or that a try to make one failed.
type Disconnected struct {
	Node    proto.Node // the node that was lost or not reached; zero: the route chose none
	Err     error
	RetryIn time.Duration // until the next try
}

// Trimmed reports that this client missed messages of a log. The log keeps messages for
// a limited time, and the client came too late.
type Trimmed struct {
	Log      int64 // proto.Inbox or a group
	From, To int64 // the first and last number that is missing
}

// Stopped is the last event. The client does not connect again.
type Stopped struct {
	Err error // ErrClosed after Close or Logout; after any other end, an error that a retry cannot change
}

func (Connected) event()    {}
func (Disconnected) event() {}
func (Trimmed) event()      {}
func (Stopped) event()      {}

func (e Connected) String() string {
	if e.Moved {
		return "moved to " + e.Node.ID
	}
	return "connected to " + e.Node.ID
}

func (e Disconnected) String() string {
	when := "trying again now"
	if e.RetryIn > 0 {
		when = "trying again in " + e.RetryIn.Round(100*time.Millisecond).String()
	}
	return fmt.Sprintf("disconnected, %s: %v", when, e.Err)
}

func (e Trimmed) String() string {
	return fmt.Sprintf("%d messages are too old and were removed before they could be read", e.To-e.From+1)
}

func (e Stopped) String() string { return fmt.Sprintf("stopped: %v", e.Err) }

// Delivered reports that a message with Outgoing.Confirm was shown on the first device of
// its receiver. Only connected devices of the sender get the event. It may come before
// Send returns. It may also be lost. WasDelivered tells the same at any time.
//
// Check ID before you rely on the event, because the receiver sent it and may have made
// up the ID. The event concerns one of your messages only if you sent that ID to the
// user To.
type Delivered struct {
	ID   string // the message's id
	To   int64  // the receiver
	Time time.Time
}

func (Delivered) event() {}

func (e Delivered) String() string { return fmt.Sprintf("message %s was shown to %d", e.ID, e.To) }

// State is the state of the client at one moment.
type State struct {
	Node    proto.Node // the connected node; zero while there is no connection
	Err     error      // why there is no connection, or why the client stopped
	Stopped bool       // the client does not connect again
}

// Connected reports whether there is a live connection.
func (s State) Connected() bool { return s.Node != proto.Node{} }

const (
	eventsKept = 64   // how many events wait to be read, not counting Delivered
	marksKept  = 1024 // how many Delivered wait to be read, and how many of the latest are recognised if they come again
)

func isMark(e Event) bool {
	_, ok := e.(Delivered)
	return ok
}

// mark identifies a delivery mark: the receiver has shown the message with this id.
type mark struct {
	id string
	to int64
}

// bell wakes all goroutines that wait for it. The client's mu guards it.
type bell struct{ ch chan struct{} }

// wait returns a channel that the next ring closes.
func (b *bell) wait() <-chan struct{} {
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
