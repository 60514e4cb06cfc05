// Package swarm is the clients of a benchmark: thousands of connections on one
// event loop, in one goroutine. A client of the SDK keeps a history, pulls, and
// has goroutines of its own; thousands of them would take the machine from the
// server that is to be measured. One of these is a socket and some words.
//
// A swarm logs its clients in, pings, cuts what comes into frames, and leaves the
// rest to its Traffic. Nothing happens outside Connect and Poll.
package swarm
