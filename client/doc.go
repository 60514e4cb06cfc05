// Package client is the Go SDK. It logs in, holds the connection, sends messages, and
// shows every received message once and in order.
//
// Connect returns a Client, which holds one connection at a time to a node that the route
// chose for it. It reconnects by itself after a lost connection, a drained node or a route
// that is away. It stops only if a retry cannot help. Then another connection of the same
// device took over, the device was logged out, or the password is wrong. A Sender holds no
// connection and sends over HTTP, for functions and scripts. A server of an application is
// a user like any other, and usually has a Sender. There is no separate API for servers.
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
//	a message is stored and shown receive.go, deliver; package history
//	a repeated message is dropped        receive.go, deliver, which asks History.Has
//	an acknowledgement                   acks.go
//	calls to routes                      route.go
//
// # Receiving
//
// Receive, or the iterator Messages, returns messages in the order of each log: the
// user's inbox, and one log for each group. A message is returned only after it was
// written, with its position, to the History. A message that the History has already is
// not returned again. If messages are missing, the client reads them from the route.
// Between two logs there is no order.
//
// This client's own messages are written to the history at their places and are not
// returned. Messages that the same user sends from other devices are returned, with that
// user as From. An earlier process of this device may have ended before it wrote its
// messages to the history. Those are returned, too.
//
// While an application does not receive, up to 1,024 messages wait in memory, and the
// others stay in their logs. For each message that the application sends meanwhile, the
// client keeps the id in memory. So a program that never receives should use a Sender.
//
// Joinings and leavings are entries in a group's log. They are received as messages
// without a text (see Message.Kind). On all devices, a user is shown the group's messages
// that were written while the user belonged to the group.
//
// # Sending
//
// Send returns when the message is stored in every log to which it belongs. The message
// is sent again, with the same id, until a route accepts or refuses it. The id makes a
// repetition harmless. If a user sends another message with an id that they used within
// the last day, the message is refused with proto.IDReused. Messages that one goroutine
// sends are in their logs in that order. Enqueue does not wait for the answer, so more
// than one message can be in flight.
//
// If Outgoing.Confirm is set, the event Delivered comes when a private message was shown
// to its receiver, if this client is connected then. WasDelivered returns at any time
// whether a message was shown. The receiver's client acknowledges such a message at once.
//
// ScheduleAt and ScheduleAfter pass a message to the servers, which send it when it is
// due. Until then CancelScheduled cancels it.
//
// # Goroutines
//
// A Client always has two goroutines. One keeps the connection, and one reads gaps. While
// it is connected, a third reads from the connection. A move to another node needs two
// more until the move is done. All of them end if the client stops by itself. Close waits
// for them. A Sender has no goroutine.
//
// # Locks
//
// Client.delivering is held while a message is written to the history. Client.mu may be
// taken while delivering is held, but never the other way round. Nothing blocks while
// Client.mu is held.
package client
