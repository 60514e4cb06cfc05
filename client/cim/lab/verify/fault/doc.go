// Package fault makes the faults of `cim verify`, and decides when they happen.
//
// A Fault knows what it needs, how often it comes, and how to break and heal one target.
// A target is a node, a route, the store, ZooKeeper, a link, or a user's device. Plan
// draws the strikes of a run from a seed. It is a pure function, so the same seed gives
// the same plan. A new fault does not change the strikes of other faults, unless they
// share targets. Run carries a plan out.
//
// The packets of a bad link (lossy-net) go through this process. The type line decides
// which packet is dropped, delayed or doubled. The function carry carries that out, and
// openLink opens the device through which the packets come.
//
// To add a fault, write a type that implements Fault, and add a line to All.
package fault
