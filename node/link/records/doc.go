// Package records does TLS on bytes in memory. Its caller reads and writes the socket. A
// [Conn] decrypts the records that came, and encrypts bytes into records. Between calls
// it keeps no goroutine and no buffer of its own. A [Pool] bounds how many handshakes
// compute at a time.
//
// # How crypto/tls is used
//
// A tls.Conn uses another connection, the one below it, and expects that its calls block.
// During a handshake these calls must block, because an error of the connection below
// ends a handshake for good. So a handshake has a goroutine, which blocks in
// Socket.Await. Afterwards the connection below returns a temporary error when it has no
// more bytes. Then tls.Conn.Read returns this error, keeps what it has of a record, and
// the next Read goes on there. What tls.Conn writes goes to Socket.Sealed, which does not
// block.
//
// # Memory
//
// A tls.Conn keeps its buffers for good. The buffer for records grows with the
// largest record so far: it has 576 bytes at first, and 23 kB after a record of 16 KiB.
// The first record of a client has some 1,500 bytes, and would make that buffer grow. So
// this package divides the record into four, and the buffer stays as it is (see split). A
// tls.Conn then keeps 5.6 kB: 1.8 for two AES keys with their tables, 2.1 for buffers, and
// 1.7 for the rest. A Conn passes bytes on record by record, so its buffer never has more
// than one record. A Read allocates 24 bytes, even if it finds no record. So Open calls it
// only once for each record.
package records
