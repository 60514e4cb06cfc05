// Package nodeserver is the program cim-server without its main function. It reads the
// flags, opens the listeners, finds the other nodes by gossip, and publishes itself in
// ZooKeeper. Then it runs a node between its clients and its routes.
//
// state.go decides whether the node takes users, and when it is cut off from routes. If
// no cim-route has answered for 15 s, the node counts as cut off from routes. Until one
// answers, its readiness check fails, and its entry leaves the folder in ZooKeeper that
// CIM's routes read. If the node sees no other member any more, it keeps running. When it
// sees others again, it compares its sessions with the store (reconciliation).
//
// It is a package of its own, so that one binary can be every program (cim server).
package nodeserver
