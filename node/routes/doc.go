// Package routes is a node's way to the routes.
//
// Calls (calls.go) is what the other packages of a node use: one method for each call of
// hop.proto, with the node's name and a timeout. Client (client.go) carries the calls
// over HTTP or over streams. A route in the same process takes its place. Backoff
// (backoff.go) is the pause after a failed call, and Until and Untouched read the error.
//
// Nothing here repeats a call. Only the packages that make calls know which ones may be
// repeated: everything but a Send, which is repeated under its id.
//
// There are no goroutines but those of the streams (package stream), which Client.Close
// ends. Client has one mutex, held for a few assignments.
package routes
