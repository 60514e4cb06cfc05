// Package routes is a node's way to the routes.
//
// Calls (calls.go) is what the other packages of a node use: one method for each call of
// hop.proto. It adds the node's name and a timeout. Client (client.go) carries the calls
// over HTTP or over streams. If a route is in the same process, that route takes the
// place of the Client. Backoff (backoff.go) computes the pause after a failed call. From
// the error of a call, Until returns the time that the route named for a retry. Untouched
// reports whether the route refused the call before it did anything.
//
// Nothing here repeats a call. The packages that make the calls do so. They may repeat
// every call unchanged, except a Send. Package forward repeats the messages of a Send
// under the same ids, and marks them as repetitions.
//
// The only goroutines are those of the streams (package stream), which Client.Close
// ends. Client has one mutex, which is held only for a few assignments.
package routes
