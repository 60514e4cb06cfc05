// Package mirror keeps a copy of the cluster's members in ZooKeeper. A [Publisher]
// writes this node, and a [Follower] reads all members. No other package imports a
// client of ZooKeeper.
//
// ZooKeeper has no authority. Gossip decides who is a member, and no node stops serving
// because ZooKeeper is down. The copy has three kinds of readers. Unmodified CIM routes
// find our nodes there. Our own routes watch for changes. Nodes that start without
// knowing another member find one.
//
// # Entries
//
//	/cim                                  persistent; the root is configurable
//	/cim/<ip>:<client>:<http>             ephemeral, one per node; CIM's name for it
//	/cim-standby/<ip>:<client>:<http>     the same, for nodes that CIM must not find
//
// CIM's routes send users to every child of the root. So a node has an entry there only
// while it takes users: it serves, and Config.Takes returns true. A node that joins,
// drains or has lost all our routes has its entry beside the root, where our processes
// find it. To move, a node writes the new entry before it deletes the old one. If a node
// has the right to write only below the root, it has no entry while it takes no users.
//
// CIM reads the name only. It expects both ports at the ip in the name, so a node's
// client and HTTP addresses should have the same host. CIM cannot read an IPv6 address.
// The data is a [ring.Sealed] in JSON, which only our processes read. A child without
// such data is a CIM server or a forgery. The follower counts these children, but does
// not treat them as members.
//
// # Workarounds for go-zookeeper
//
//   - The library replaces an expired session by a new one, and does not report that the
//     ephemeral nodes are gone. So [Publisher] and [Follower] start from the beginning
//     with every new session.
//   - It sets its watches again over a new connection, but may miss a change at that
//     moment. So a [Follower] gets a new session with every connection. A [Publisher],
//     whose entry lives as long as its session, sets no watches. It reads its entry every
//     5 s.
//   - It resolves all names of servers once, at the start, and fails if one of them has
//     no address. So this package resolves a name each time it dials a server. After
//     a minute without a session it closes the client and makes a new one.
//   - It waits for the first answer of a connected server for ten times the usual time,
//     which is 40 s. A server that is starting may never answer. So here the read
//     time-out of the socket is at most the time-out of the session.
//   - A request blocks while it connects. So only Run makes requests, and the end of its
//     context closes the socket.
//   - Its event channel drops events that are not read at once, and the channel of a
//     single watch gets an event too late. So this package uses the library's callback,
//     which only stores the event and wakes Run.
//
// Run of a Publisher or a Follower starts the goroutines of go-zookeeper and one that
// closes a lost session, and waits until they have ended.
package mirror
