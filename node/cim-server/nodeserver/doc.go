// Package nodeserver is the program cim-server without its main function. It reads the
// flags, opens the listeners, finds the other nodes by gossip, and publishes itself in
// ZooKeeper. Then it runs a node between its clients and its routes.
//
// It is a package of its own, so that one binary can be every program (cim server).
package nodeserver
