// With package cert, a process proves to others which process it is. An operator's key
// signs a certificate for each process. The process proves itself by a key of its own.
// The package does no I/O, has no clock of its own, and uses Ed25519 of the standard
// library only.
//
// There are three kinds of keys:
//
//   - The operator's key signs certificates. No process needs it, so it stays offline.
//   - The operator's public key is in the file of every process. With this key, a
//     process checks the certificates of others.
//   - A process key belongs to one process, and never leaves its file. The certificate
//     has the key's public half, the role, the id, the largest weight of a node, and an
//     end.
//
// A [Keyring] has the keys of one process. Keyring.Prove puts a proof into the header of a
// request: the certificate, and a signature over the time, the method, the path, the
// callee and a hash of the body. Keyring.Check judges such a header. A stream is proved
// once, by the request that opens it, so a call on a stream costs nothing.
//
// A proof names the callee if the callee knows its own address, as nodes do. So a node
// cannot use a route's proof at another node. A proof is valid for [ProofLife]. If the
// clocks of two processes differ by more, the callee returns its time, and the caller
// signs again for that time (Keyring.Learn).
//
// A node also signs its member record ([Keyring.SignRecord]), so that routes give users
// only to nodes that have a certificate. Such a record is valid for [RecordLife].
//
// A proof does not protect the connection. Somebody who can read packets on the way can
// send a request with its proof again during ProofLife. Only TLS prevents that.
//
// A Keyring has no goroutine. Its mutex guards the times that it has learned and the
// certificates that it has checked. While the mutex is held, no other lock is taken.
package cert
