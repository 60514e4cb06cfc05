// Package client is the Go SDK: it logs in, holds the connection, sends, and
// shows every message once and in order.
//
// Connect returns a Client, which holds one connection at a time to a node that the
// route chose for it. It reconnects by itself after a lost connection, a drained node
// or a route that is away. It stops only for reasons that a retry cannot change:
// another connection of the same device took over, the device was logged out, the
// password is wrong. A Sender holds no connection and sends over HTTP, for functions
// and scripts. A server of an application is a user like any other, mostly with a
// Sender: there is no API for servers.
//
// # Where is what
//
//	a connection is kept                 run.go, run; serve.go, serve
//	the pause before a retry             backoff.go, retryDelay; run.go, delayAfter
//	a node is chosen                     login.go, login; backoff.go, avoidList
//	a silent node is given up            pulse.go, beat
//	a move to another node               serve.go, move
//	a frame from the node is handled     link.go, handle
//	a message is sent                    send.go; its order and its retries: outbox.go
//	a message is sent over HTTP          sender.go; its retries: login.go, insist
//	a log is followed                    follow.go, with proto/order
//	a gap is read                        pull.go
//	a message is kept and shown          receive.go, deliver; package history
//	a repeated message is dropped        receive.go, deliver, which asks History.Has
//	an acknowledgement                   acks.go
//	calls to routes                      route.go
//
// # Receiving
//
// Receive, or the iterator Messages, returns messages in the order of each log:
// the user's inbox, and one log for each group. A message is returned only after it was
// written, with its position, to the History. A message that the History has already is
// not returned again. A gap is read from the route. Between two logs there is no order.
//
// This client's own messages are written to the history at their places and are not
// returned. Messages that the same user sends from other devices are returned, with
// that user as From. So are messages that an earlier process of this device sent, if it
// ended before it wrote them to the history.
//
// While an application does not receive, 1,024 messages wait in memory, and the others
// stay in their logs. For each message that it sends meanwhile, the client keeps the id
// in memory. So a program that never receives should use a Sender.
//
// Joinings and leavings of a group stand in its log and are received as messages
// without a text: see Message.Kind. A user is shown the messages of a group that were
// written while they belonged to it, on all of their devices.
//
// # Sending
//
// Send returns when the message is stored in every log to which it belongs. The message
// is sent again, with the same id, until a route accepts or refuses it. The id makes a
// repetition harmless. If a user sends another message with an id that it has used
// within the last five minutes, that message is refused with proto.IDReused. Messages
// that one goroutine sends stand in their logs in that order. Enqueue does not wait for
// the answer, so more than one message can be in flight.
//
// With Outgoing.Confirm set, the event Delivered comes when a private message was shown
// to its receiver, if this client is connected then. WasDelivered answers at any time
// whether it was shown. A client that shows such a message acknowledges it at once.
//
// ScheduleAt and ScheduleAfter leave a message with the servers, which send it when
// it is due. Until then CancelScheduled takes it back.
//
// # Goroutines
//
// A Client always has two goroutines: one keeps the connection, and one reads gaps.
// While it is connected, a third reads from the connection. A move to another node
// needs two more until it is done. All of them end when the client stops by itself.
// Close waits for them. A Sender has none.
//
// # Locks
//
// Client.delivering is held while a message goes to the history. Client.mu is taken and
// released under it, never the other way round. Under Client.mu nothing blocks.
package client
