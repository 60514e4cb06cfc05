// Package proto is what two processes of a cluster must agree on, and nothing
// else: the frames between a client and a node, the bodies between a node and a
// route, the HTTP paths and JSON bodies of the route, and the codes that say
// what went wrong and whether to come back. It does no I/O and keeps no state.
//
// Frames are CIM's, extended (cim.proto): a varint32 length, then one protobuf
// message. WebSocket carries the same message without the length, one a binary
// message, or its JSON form (json.go), chosen by subprotocol.
//
// A message is found by two names. Its key, sender and id, is given by the
// sender and makes a repetition recognisable. Its position, log, epoch, number
// and key, is given by the store when it is appended.
package proto

//go:generate go run ./gen
