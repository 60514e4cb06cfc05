// Package program is cim-server as a function: it reads the flags, opens the
// listeners, finds the other nodes by gossip, mirrors itself into ZooKeeper and
// runs a node between its clients and its routes.
//
// It is a package and not just a main, so that one binary can be every program
// (cim server).
package program
