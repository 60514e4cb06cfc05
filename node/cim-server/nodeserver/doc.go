// Package nodeserver is the program cim-server without its main function. It reads the
// flags, opens the listeners, finds the other nodes by gossip, and publishes itself in
// ZooKeeper. Then it runs a node between its clients and its routes.
//
// state.go decides whether the node takes users, and when it is cut off from routes. If
// no cim-route has answered for 15 s, the node counts as cut off from routes. Until a
// cim-route answers, the node's readiness check fails. The node's entry also leaves the
// folder in ZooKeeper that CIM's routes read. If the node sees no other member any more,
// it keeps running. When it sees others again, it compares its sessions with the store
// (reconciliation).
//
// The package is separate from the main function, so that one binary can be every program
// (cim server).
package nodeserver
