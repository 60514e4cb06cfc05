// Package ws is the server's side of the WebSocket protocol (RFC 6455): the handshake,
// frames, and messages in fragments. It does no I/O and has no goroutines. Package link
// feeds it bytes as they come, and answers.
//
// # Why it is written here
//
// The codec is written here because a push parser keeps nothing for an idle link, and the
// Go libraries read from an io.Reader. github.com/gobwas/ws v1.5.0 (November 2026) is the
// closest one: ReadHeader, CheckHeader and Cipher could replace half of frame.go. They
// take 2 to 3 times as long as ParseHeader for a header, with one allocation per frame.
// Header and mask together take 1.5 to 2 times as long for messages of 100 and 300 bytes.
// Cipher is faster above some kilobytes: 5 times as fast for 70 kB. Its message reader
// (wsutil) needs a goroutine per connection, or a buffer per connection. So the codec
// stays. The figures are ratios of one run of a benchmark outside this repository;
// BenchmarkUnmask measures the mask here.
//
// A copy of package link that echoes passes the Autobahn suite 0.8.2 on both engines,
// in classes 1 to 7, 9 and 10. Of 301 cases 294 pass, and 3 are informational. The
// other 4 (6.4.1 to 6.4.4) pass as non-strict, since invalid UTF-8 is found at the end
// of a message. The suite expects close codes 1002, 1007 and 1009 where a node sends
// proto's BadFrame and FrameTooLong; the copy mapped them. Our clients need proto's
// codes, because the range of a code says whether to come back. conformance_test.go of
// package link has 398 cases by the same classes.
package ws
