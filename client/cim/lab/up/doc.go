// Package up runs a whole cluster on one machine. It has a store, nodes and routes, and
// also ZooKeeper if the configuration names it. Each is a process of its own, so that a
// test can kill it.
//
// `cim up` and the tests of the whole system use it. The programs run from the binary that
// calls Start (`cim server`, `cim route`), so nothing has to be built or installed beside
// it. All processes listen on loopback, log into one folder, and end with the process that
// started them.
//
// With RouteLambda the routes are HTTP front ends in this process. Behind them are the
// instances of one function, see package faas.
package up
