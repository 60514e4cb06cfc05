// Package records is TLS for a link whose bytes somebody else reads and writes. A [Conn]
// turns records into bytes and bytes into records. It keeps no goroutine and no buffer of
// its own between calls. A [Pool] bounds how many handshakes compute at a time.
//
// # How crypto/tls is used
//
// A tls.Conn wants a connection below it that blocks. Only a handshake needs that, because
// an error of the connection ends it for good. So a handshake has a goroutine, which waits
// in Socket.Await. Afterwards the connection below returns a temporary error when it has no
// more bytes. Then tls.Conn.Read returns this error, keeps what it has of a record, and the
// next Read goes on there. What tls.Conn writes goes to Socket.Sealed, which does not block.
//
// # Memory
//
// A tls.Conn keeps its buffers for good. The buffer for records has the size of the largest
// record so far, at least of the client's first one. A Conn reads record by record, so no
// more than one record is in that buffer. Each Read of a record allocates 24 bytes, and a
// Read that finds none allocates the same. So Open calls it once for each record.
package records
