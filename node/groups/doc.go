// Package groups delivers the logs of groups to the members who are on this node.
//
// Groups has a Sequencer for each group with members here, also for the group of everyone
// (sequencer.go). Routes push entries in any order. A Sequencer sends them in the order
// of the log, which package proto/order finds. It pulls missing entries once for all
// members (catchup.go). When an entry about a joining or leaving is sent, the sessions of
// that user become members here, or stop being members (send.go). When a session opens,
// member.go decides which entries the session fetches itself. The Sequencer sends the
// later ones.
//
// A node holds a group while it has a lease of the group from a route. While the lease
// is fresh and nothing is missing, all later entries are pushed to the node. So for a
// session that opens, the node knows the log's end without a call to a route (Held).
//
// # Goroutines and locks
//
// There are no goroutines here. A timer queues a pull in package pull. A Sequencer sends
// on the goroutine that pushed or pulled.
//
// A Sequencer's mu guards its log. At most one goroutine sends at a time, and does not
// hold mu while it sends. Others only append to ready. Groups' mu guards the list of
// sequencers. The two never nest, and nothing else is called under either but the Watch
// and the pull queue's timer.
package groups
