// Package proto defines the protocol between the processes of a cluster. It has the
// frames between a client and a node, the bodies between a node and a route, the route's
// HTTP paths and JSON bodies, and the error codes. It does no I/O and keeps no state. Of
// its subpackages only stream and process do I/O.
//
// # Frames
//
// A client and a node exchange frames over TCP, with or without TLS:
//
//	length   varint32, 1 to 5 bytes: the number of bytes in message
//	message  one Frame in proto3
//
// There is no magic number and no version. Frames are compatible with those of CIM, and a
// CIM client may connect to the same port. Fields 1 to 5 and commands 0 to 3 are CIM's.
// Our own fields and commands start at 16. A peer skips unknown fields. A length above
// the limit (MaxFrame by default) ends the connection before the message is read.
//
// On the same port, at PathSocket, a WebSocket carries the same message without the
// length, because WebSocket has its own. The subprotocol selects the form. With
// SubprotocolBinary a binary message is one Frame in proto3. With SubprotocolJSON, for
// browsers, a text message is one Frame in JSON (see AppendJSON). In JSON, ids and
// numbers are JSON numbers, which is the reason for MaxUser. An epoch has 64 bits, so it
// is written in hex digits. In JSON an unknown field is an error, because it is probably
// a mistake and not a field of a later version.
//
// # Commands
//
//	LOGIN_REQUEST  client  first frame, with the route's ticket; CIM's has user and name instead
//	LOGIN_ANSWER   node    the route confirmed the session: newest numbers, cursors, ping interval
//	SEND           client  a text for a user or a group, under a unique id of the client's choice
//	SEND_ANSWER    node    one per SEND: it is stored, with the position of the sender's copy; or a code
//	MESSAGE        node    an entry of a log of the user, pushed after it is stored
//	NEWEST         node    a log has more entries than were pushed: pull them from the route
//	ACK            client  entries up to here were shown; moves the device's cursors
//	DELIVERED      node    a message of the user was shown to its receiver
//	PING           both    from a client that has written nothing for a while, and the node's answer
//	REDIRECT       node    the node drains: log in at another node, then close this connection
//	KICK           node    last frame: why the connection will be closed
//	ERROR          node    a frame was refused, and the connection stays open; no node of this version sends it
//	OFFLINE        node    to CIM clients only: messages that came while they were offline
//
// Between LOGIN_REQUEST and LOGIN_ANSWER the node sends nothing except perhaps a KICK. A
// CIM connection gets only MESSAGE, PING and OFFLINE. Its MESSAGE has the sender in
// properties.
//
// # Keys and positions
//
// A message has two names. The sender gives it a key, which consists of the sender and
// an id. The key is unique for ever, so a repetition is recognised by it. The store
// gives an entry a position when it appends it: log, epoch, number and key.
//
// Numbers are dense, so a reader can see a gap. A log gets a new epoch when it begins
// again, so that its new numbers differ from the old ones. A store that has lost the
// tail of a log uses numbers again within an epoch. Then the keys differ. The Prev of
// the following entry differs, too, because it is the key of the entry before.
//
// # Delivery marks
//
// The sender of a private message may request a delivery mark (confirm). When a device
// of the receiver has shown the message, it acknowledges at once, with the message's
// key. The route then pushes a DELIVERED to the sender's current connections. One
// device of the receiver is enough. A mark is not stored, may be lost, and may come
// more than once. The cursor is authoritative, and PathDelivered returns whether the
// cursor has passed the message.
//
// A mark is only a claim of the receiver. It names the user who sent it, so a user can
// send false marks only in their own name. The client that gets a mark must compare To
// with the user to whom it sent that id. Messages to a group and to oneself have no
// marks. CIM's clients neither send nor get marks, but their cursors move as usual.
//
// # Groups
//
// A group has its own log. If a user joins or leaves, the log gets an entry of the kind
// JOIN or LEAVE, with that user as its sender. So a joining has a place in the log's
// order. For a reader of the log, the sender is a member from the JOIN until the LEAVE. A
// reader without a position begins at number zero, and the answer of the route begins
// with the reader's own JOIN. The owner and admins of a group may add and remove others.
// The entry then names the user who did so. All others join and leave by themselves.
//
// # Codes
//
// A Code is the same number in a frame, as a WebSocket close code, and in an ErrorAnswer.
// Its range tells a client what to do, so that an old client can handle new codes (see
// Code.Retry):
//
//	4000 to 4099  retry now, with a new login
//	4100 to 4199  retry later
//	4200 to 4299  do not retry: the same request will fail again
package proto

//go:generate go run ./gen
