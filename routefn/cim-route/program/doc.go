// Package program is cim-route without its main: it reads the flags, opens the
// store, follows the members and serves the handlers of routefn.
//
// It is a package and not just a main, so that cim-server -with-route can serve
// the same handlers from its own process, one binary can be every program (cim
// route), and a platform that brings a server of its own can have the handlers
// ([Function]).
//
// Where it runs decides what it is (place.go): a server, which starts only if it
// has all it needs, or a function (function.go), which answers with a code until
// it has. routefn/FUNCTIONS.md tells both apart, and how to deploy them.
package program
