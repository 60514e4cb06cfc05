// Package routeserver is the program cim-route without its main function. It reads the
// flags, opens the store, follows the members and serves the handlers of routefn.
//
// It is a package of its own for three reasons. cim-server -with-route serves the same
// handlers from its own process. One binary can be every program (cim route). A platform
// that brings an HTTP server can take the handlers alone ([Function]).
//
// The platform decides what the program is (platform.go). A server starts only if it has
// everything it needs. A function (function.go) starts always, and answers with an error
// code until it has everything. routefn/FUNCTIONS.md compares both, and says how to deploy
// them.
package routeserver
