// Package fault is what goes wrong while `cim verify` runs, and when.
//
// A Fault knows what it needs, how often it comes, and how it hits and heals one
// target: a node, a route, the store, ZooKeeper, a link, a user's device. Plan draws the
// strikes of a run from a seed: pure, so that the same seed is the same plan, and
// so that adding a fault leaves the strikes of the others where they were, unless
// they share targets. Run carries a plan out.
//
// The packets of a bad link, see lossy-net, go through this process: line decides
// what is lost, late and too much, carry does it, and openLink is the device.
//
// A new fault is a type that implements Fault and a line in All.
package fault
