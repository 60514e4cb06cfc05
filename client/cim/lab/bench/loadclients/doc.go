// Package loadclients has the clients of a benchmark: thousands of connections on one
// event loop, in one goroutine. A client of the SDK keeps a history, pulls, and has
// goroutines of its own. Thousands of those would take the machine's CPU from the server
// under test. A client of this package is a socket and a few bytes of memory.
//
// A Pool logs its clients in, sends pings, cuts what it reads into frames, and leaves
// the rest to its Traffic. Nothing happens outside of Connect and Poll.
package loadclients
