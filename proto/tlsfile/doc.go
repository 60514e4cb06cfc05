// Package tlsfile has TLS for the programs and their libraries: certificates and
// authorities in files, and the configurations of servers and clients. Its listener takes
// TLS and plain connections at one port.
//
// A certificate is read again when the content of its files changes (Pair), and so are
// authorities (Trust). A server accepts TLS 1.2 and 1.3, and of 1.2 only the suites with
// forward secrecy that authenticate and encrypt in one step. It offers no HTTP/2, because
// that brings attacks of its own and cannot carry the upgrade to a stream of package
// stream.
//
// The package has no goroutines. The lock of a transport is taken before that of its
// Trust. No other locks are held together.
package tlsfile
