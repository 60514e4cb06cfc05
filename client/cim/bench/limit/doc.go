// Package limit shows what the machine itself can do: one event loop that speaks
// just enough of our wire to log clients in and to pass messages on, that batches
// its writes, and that checks nothing, stores nothing and acknowledges nothing.
//
// No server can be faster here without being another kernel or another machine,
// so every figure of ours is told as a part of the limit's, taken in the same run
// by the same clients. What the limit leaves out is what a system is for: it
// verifies no ticket, and what it passed on is nowhere.
//
// It runs in a process of its own, so that its CPU and memory can be read: see
// Start.
package limit
