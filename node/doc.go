// Package node carries: it accepts the clients' connections, knows who is here,
// hands on what they send, and delivers what routes push.
//
// A node holds no secrets and stores nothing. Everything that must last is a
// route's: the node reports connections opened and closed (reporter.go), hands
// on messages in batches (sender.go), and asks what it missed (reconcile.go,
// cim.go). Reports are hints; reconciliation is what makes them true.
//
// A connection is a session here (session.go): connecting, then pending from its
// verified login until a route confirmed it, then open, then closed. While it is
// pending it neither sends nor is sent anything.
//
// A node that leaves on purpose gives its users to other nodes before it ends
// (drain.go).
//
// # Goroutines
//
// Run owns all of them and returns when they have ended: those of the links
// (package link), one that reports, one for each lane of the sender, some that
// pull for CIM connections and for groups, one that reconciles, one that asks for
// delayed messages to be sent, one that tells the load, one that drains, and those
// of the internal HTTP server.
//
// # Groups
//
// A node learns of a session's groups when it opens, and when it is opened again
// because a route says that they changed. It asks for their places apart, in parts
// that routes can answer in good time (entering.go): a group that it holds, by a lease
// of less than a minute and a relay that lacks nothing, costs a look at who belongs. A relay a group (relay.go) passes its
// entries on in their order, and what is missing is pulled once for all members.
// To everyone, which is a group like the others, belong all who are here.
//
// A CIM connection cannot put its logs in order, so a feed does it (feed.go): it pulls
// what does not follow, keeps the latest places that it has shown, and goes on from the
// last of them that the log still knows when the store lost a tail. What it has shown
// at one of them, it does not show again. Both followers play proto/vectors in their tests.
//
// # Delivery marks
//
// Keys of messages that a device was shown and whose senders want to know go to a
// route with the cursors (reporter.go); what comes back for a sender is passed to
// his connections that are open and take it. None of it is kept.
//
// # Locks
//
// A session's mu guards its state and is held for a few assignments. cimFeed,
// relay, relays, reporter, lane and puller have their own. Where two nest: reporter, then
// session, relays or relay (a report is made of what is true now); session, then link (its
// reading is held in the order of the decisions); feed, then link (offered
// frames keep their order). Nothing else is called under any of them.
package node
