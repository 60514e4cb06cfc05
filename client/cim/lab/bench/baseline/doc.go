// Package baseline is a server that shows the limit of the machine. It is one event
// loop. It speaks just enough of the wire protocol to log clients in and to pass
// messages on. It batches its writes. It checks, stores and acknowledges nothing.
//
// No server can be faster on this kernel and machine. So every figure of the bench is a
// share of the baseline's, which the same clients measure in the same run. The
// difference pays for what the baseline leaves out: it verifies no ticket, and it keeps
// no message that it passed on.
//
// It runs in a process of its own, so that its CPU and memory can be read. See
// Start. On the command line and in tables its name is "limit".
package baseline
