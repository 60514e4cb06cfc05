// Package baseline is a server that shows the limit of the machine. The server is one
// event loop. It speaks just enough of the wire protocol to log clients in and to forward
// messages, and it batches its writes. It checks, stores and acknowledges nothing.
//
// No server can be faster on this kernel and machine. So every figure of the bench is
// given as a part of the baseline's figure. The same clients measure both in the same run.
// The system needs the difference for the work that the baseline leaves out. The baseline
// verifies no tickets, and keeps no messages after it has forwarded them.
//
// The server runs in a process of its own, so that its CPU and memory can be read. See
// Start. On the command line and in tables the server's name is "limit".
package baseline
