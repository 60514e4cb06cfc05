// Package stream carries calls between a node and a route. There is one long connection
// in each direction, because an HTTP request per call would cost more than the call
// itself.
//
// A stream begins as an HTTP request with "Upgrade: cim-stream". So it uses the port, the
// TLS and the token of plain calls. If the answer is not 101, Call returns ErrRefused.
// That happens with functions and with some proxies. The caller then uses plain HTTP,
// with the same paths, bodies and statuses.
//
// # Frames
//
// After the upgrade both sides write frames. A frame is a uvarint of its length and then
// as many bytes:
//
//	call    id uvarint, time left in ms uvarint (0: no limit), length of path uvarint, path, body
//	answer  id uvarint, status uvarint, ms to wait before a retry uvarint (0: none), body
//
// The caller chooses ids above 0. Answers come in any order. An answer of id 0 has no
// further fields. It means that the server is shutting down, and new calls must use
// another stream.
//
// # Promises
//
// The package retries nothing. A call that ends with an error other than ErrRefused may
// have been carried out. Frames that are sent while a write is in progress are written
// together by the next write. There is no timer. A Client uses one connection for all
// calls until the connection ends or is MaxAge old, so that new routes get their share.
//
// # Other libraries
//
// storj.io/drpc v1.0.0 (July 2025) has the same aim and could begin by the same upgrade. One
// connection of it carries one call at a time, so calls in flight need a pool of
// connections. connectrpc.com/connect v1.21.1 (October 2026) over HTTP/2 without TLS
// multiplexes as a stream does. The times below are CPU per call of 300 bytes, caller and server
// together, medians of three runs on a busy machine. The benchmark is outside this repository;
// BenchmarkHop compares a stream with plain HTTP here.
//
//	calls in flight            1        4        16
//	stream                 23 us    16 us     13 us
//	drpc                   48 us    44 us     44 us   one connection per call in flight
//	connect               191 us   160 us    174 us
//
// So a stream takes a half to a third of drpc's CPU, and this package stays. It also
// needs no second definition of the calls: paths, bodies and statuses are those of plain
// HTTP.
//
// # Goroutines
//
// A Client has one goroutine per open connection, which reads. For each stream, a
// Server has the goroutine of the HTTP request, which reads. It has another one for
// each call in progress, and up to four that wait for the next call. Client and Server
// bound the number of calls in flight and the size of a frame, because a frame is read
// into memory.
//
// A Client and a Server use only connections that their callers open.
package stream
