// Package stream carries the calls between a node and a route over one long
// connection each way, where an HTTP request a call would cost more than the call.
//
// A stream begins as an HTTP request with "Upgrade: cim-stream", so that it passes
// the port, the TLS and the token of the plain calls. Who does not answer 101, a
// function or a proxy in between, is called over plain HTTP instead (ErrRefused):
// paths, bodies and statuses are the same.
//
// # Frames
//
// After that both sides write frames, a uvarint of length and then as many bytes:
//
//	call    id uvarint, time left in ms uvarint (0: no limit), length of path uvarint, path, body
//	answer  id uvarint, status uvarint, ms to wait before the next try uvarint (0: none said), body
//
// Ids are the caller's and above 0. Answers come in any order. An answer of id 0 has
// nothing else: the server takes leave, and new calls go to another stream.
//
// # Promises
//
// Nothing is repeated: a call that ends with an error other than ErrRefused may have
// been carried out. What is to be written while a write is in progress goes out
// together in the next one; there is no timer. One connection is used for all calls
// of a Client until it ends or is MaxAge old, so that new routes get their share.
//
// # Goroutines
//
// A Client has one that reads, for each connection that lives. A Server has the
// one of the HTTP request that reads, one for each call in progress, and up to four
// that wait for the next one. Both bound what is in flight and what one frame may
// hold, since it is read into memory.
//
// It is the one package below proto that does I/O, and only over connections that
// its callers open.
package stream
