// Package up runs a whole cluster on one machine: a store, nodes, a route, and
// ZooKeeper if wanted, each a process of its own so that a kill is a kill.
//
// It is what `cim up` does, and what tests of the whole system stand on. The
// programs run from the very binary that calls Start (`cim server`, `cim
// route`), so that nothing has to be installed or built beside it. Everything
// listens on loopback, logs into one folder, and ends with the process that
// started it.
//
// With RouteLambda the routes are HTTP front ends in this process, and the
// instances of one function behind them: package faas.
package up
