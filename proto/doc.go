// Package proto is what two processes of a cluster must agree on, and nothing
// else: the frames between a client and a node, the bodies between a node and a
// route, the HTTP paths and JSON bodies of the route, and the codes that say
// what went wrong and whether to come back. It does no I/O of its own and keeps
// no state.
//
// # Frames
//
// A client and a node exchange frames over TCP, with or without TLS:
//
//	length   varint32, 1 to 5 bytes: how many bytes of message follow
//	message  one Frame in proto3
//
// There is no magic and no version: the frame is CIM's, and a CIM client may hold
// a connection to the same port. Fields 1 to 5 and commands 0 to 3 are CIM's, what
// is ours starts at 16, and a peer skips fields it does not know. A length above the
// limit (MaxFrame by default) ends the connection before the message is waited for.
//
// On the same port, at PathSocket, a WebSocket carries the same message without
// the length, since WebSocket has its own. The subprotocol says in which form:
// SubprotocolBinary, one Frame in proto3 a binary message, or SubprotocolJSON, one
// Frame's JSON form (see AppendJSON) a text message, for browsers. In JSON ids and
// numbers are JSON numbers, hence MaxUser; an epoch has 64 bits and is hex digits;
// a field that is not known is refused, since it is more likely a slip than news.
//
// # Commands
//
//	LOGIN_REQUEST  client  first frame, with the route's ticket; CIM's has user and name instead
//	LOGIN_ANSWER   node    the route confirmed the session: newest numbers, cursors, how often to ping
//	SEND           client  a text for a user or a group, under an id of the client's choice, each under one of its own
//	SEND_ANSWER    node    one a SEND: stored, and where the sender's own copy stands; or a code
//	MESSAGE        node    an entry of a log that concerns the user, pushed once it is stored
//	NEWEST         node    a log goes on beyond what was pushed: pull the rest from the route
//	ACK            client  shown up to here; moves the device's cursors
//	DELIVERED      node    a message of the user's was shown to its receiver
//	PING           both    the client's when it has written nothing for a while, and the node's answer
//	REDIRECT       node    the node drains: log in over there, then close this connection
//	KICK           node    last frame: why the connection is about to close
//	ERROR          node    a frame was refused, the connection stays
//	OFFLINE        node    to CIM clients only: texts that waited
//
// Between LOGIN_REQUEST and LOGIN_ANSWER nothing is sent but a KICK. A CIM
// connection gets MESSAGE, PING and OFFLINE only, and learns from the properties
// who sent what.
//
// # Keys and positions
//
// A message is found by two names. Its key, sender and id, is given by the
// sender: it is unique for ever, and makes a repetition recognisable. Its
// position, log, epoch, number and key, is given by the store when it is
// appended. Numbers are dense, so a reader sees a gap; the epoch names the log's
// life, so that the numbers of a log begun anew are not taken for the old ones.
// A store that lost a log's tail gives numbers again within an epoch: there the
// key tells, and so does each entry's Prev, the key of the one before it.
//
// # Delivery marks
//
// Who sends a private message may ask for a mark (confirm). A device of the
// receiver that has shown it acknowledges at once and names the message's key; the
// route pushes a DELIVERED to the connections that the sender has at that moment.
// It is not stored, may be lost and may come more than once: the first device is
// enough, and what counts is the cursor, which PathDelivered tells at any time.
//
// A mark is the word of the receiver. It names the user who gave it and nobody
// else, so that a user can lie about himself only: whoever gets one compares To
// with the user to whom he sent that id. What goes to a group, and to oneself, has
// no marks. CIM's clients give and get none; their cursors move as others' do.
//
// # Groups
//
// A group has a log of its own. That somebody joined or left is an entry of it, of
// that kind and with him as its sender, so that it has a place in the log's order:
// from a JOIN on its sender is a member, behind a LEAVE he is none, for whoever
// reads the log. A reader without a position in it begins at number zero: the route
// answers from his own JOIN on. Who made a group may add and remove others, which
// its entries say; everybody else joins and leaves by himself.
//
// # Codes
//
// A Code is the same number in a frame, as a WebSocket close code, and in an
// ErrorAnswer. Its range is an order, so that a client obeys codes it is too old
// to know (see Code.Retry):
//
//	4000 to 4099  come back now, with a new login
//	4100 to 4199  come back later
//	4200 to 4299  do not come back: the same request will fail again
package proto

//go:generate go run ./gen
