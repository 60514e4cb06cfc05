// Package client is the Go SDK: it logs in, holds the connection, sends, and
// shows every message once and in order.
//
// Connect returns a Client, which holds one connection at a time to a node that
// the route chose for it. It comes back by itself after a lost connection, a
// drained node or a route that is away, and stops only for reasons that a retry
// cannot change: another connection of the same device took over, the device was
// logged out, the password is wrong. A Sender holds no connection and sends over
// HTTP, for functions and scripts.
//
// # Receiving
//
// Receive, or the iterator Messages, returns messages in the order of each log:
// the user's inbox, and one log for each group. A message is returned only after
// it was written, with its position, to the History, and one that the history has
// is not returned again. A gap is read from the route. Between two logs there is
// no order.
//
// What this client sends is written to the history at its place and is not
// returned. What the same user sends from other devices is returned, with the
// user himself as From, and so is what an earlier process of this device sent and
// had no time to write to the history.
//
// While an application does not receive, 1,024 messages wait in memory and the
// rest in their logs. What it sends meanwhile costs its id each; one that never
// receives should be a Sender.
//
// Joinings and leavings of a group stand in its log and are received as messages
// without a text: see Message.Kind. Of a group a user is shown what was written
// while he belonged to it, on whichever device.
//
// # Sending
//
// Send returns when the message is stored in every log it belongs to. It is sent
// again, with the same id, until a route says so or says why not; ids make a
// repetition harmless. Another message under an id that its user gave to one before is
// refused with proto.IDReused, as far as it is seen: for five minutes. Messages that one
// goroutine sends stand in their logs in that order. Enqueue does not wait, for more
// than one message in flight.
//
// With Outgoing.Confirm set, the event Delivered tells when a private message was
// shown to its receiver, if this client is connected then; WasDelivered tells it at
// any time. A client that shows such a message acknowledges at once.
//
// ScheduleAt and ScheduleAfter leave a message with the servers, which send it when
// it is due; until then CancelScheduled takes it back.
//
// # Goroutines
//
// A Client has two while it is disconnected, one that keeps the connection and
// one that reads gaps, and a third that reads the connection while there is one.
// A move to another node has two more until it is done. All of them end when the
// client stops by itself; Close waits for them. A Sender has none.
//
// # Locks
//
// Client.delivering is held while a message goes to the history, with Client.mu
// taken and released inside; never the other way round. Under Client.mu nothing
// is called that waits.
package client
