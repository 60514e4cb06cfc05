// Package routeserver is the program cim-route without its main function. It reads the
// flags, opens the store, follows the members and serves the handlers of routefn.
//
// It is a package of its own because other programs use it, too. The program cim-server
// with -with-route serves the same handlers from its own process. The program cim runs
// this package as cim route. A platform with an HTTP server of its own uses only the
// handler ([Function]).
//
// The program runs as a server or as a function, depending on the platform (platform.go).
// A server starts only if its keys and its store are available. A function (function.go)
// always starts, and answers with an error code until they are available.
// routefn/FUNCTIONS.md compares servers and functions, and says how to deploy them.
package routeserver
