// Package program is cim-route as a function: it reads the flags, opens the
// store, follows the members and serves the handlers of routefn.
//
// It is a package and not just a main, so that cim-server -with-route can serve
// the same handlers from its own process, and one binary can be every program
// (cim route).
package program
