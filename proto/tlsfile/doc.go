// Package tlsfile has TLS for the programs and their libraries: certificates and
// authorities in files, and the configurations of servers and clients. Its listener takes
// TLS and plain connections at one port.
//
// If the content of their files changes, certificates (Pair) and authorities (Trust) are
// read again. A server accepts TLS 1.2 and 1.3. Of 1.2 it accepts only the suites with
// forward secrecy that authenticate and encrypt in one step. It offers no HTTP/2, because
// that brings attacks of its own and cannot carry the upgrade to a stream of package
// stream.
//
// The package has no goroutines. The lock of a transport is taken before the lock of its
// Trust. No other two locks are held at the same time.
package tlsfile
