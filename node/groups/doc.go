// Package groups delivers the logs of groups to the members who are on this node.
//
// Groups has a Sequencer for each group with members here, everyone's too
// (sequencer.go). Routes push entries in any order. A Sequencer sends them in the order
// of the log, which package proto/order finds, and pulls what is missing once for all
// members (catchup.go). Members join and leave as the entries that say so are sent
// (send.go). When a session opens, member.go decides which entries it fetches itself, and
// from where on the Sequencer sends to it.
//
// A node holds a group by a lease of a route. While the lease is fresh and nothing is
// missing, all later entries are pushed to the node. Then a session that opens needs no
// route to find the log's end (Held).
//
// # Goroutines and locks
//
// There are no goroutines here. A timer queues a pull in package pull. A Sequencer sends
// on the goroutine that pushed or pulled.
//
// A Sequencer's mu guards its log. At most one goroutine sends at a time, without mu;
// others only append to ready. Groups' mu guards the list of sequencers. The two never
// nest, and nothing else is called under either but the Watch and the pull queue's timer.
package groups
