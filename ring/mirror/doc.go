// Package mirror keeps the members of the cluster in ZooKeeper: a [Publisher]
// writes this node there, a [Follower] reads them all. Nothing else in the
// project knows ZooKeeper.
//
// ZooKeeper is a mirror and no authority: gossip says who is a member, and no
// node stops serving because ZooKeeper does. It is there for those who look for
// nodes where CIM put them (an unmodified CIM route finds ours, and pushes
// through them), for routes that want to be told of changes, and for nodes that
// start and know nobody.
//
// # What stands there
//
//	/cim                          persistent; the root is configurable
//	/cim/<ip>:<client>:<http>     ephemeral, one a node; the name is CIM's
//
// CIM reads the name only: it takes both ports to be at that ip, so a node's
// client and HTTP address should have one host, and an IPv6 address is one that
// CIM cannot read. The data is ours, a [ring.Sealed] in JSON. A child without it
// is a CIM server, or somebody's try to look like a member; both are counted and
// are no members.
//
// # What go-zookeeper does, and what is done about it
//
//   - It connects again by itself, and sets its watches again while the session
//     lives; a session that expired is replaced by a new one without a word to
//     whoever made ephemeral nodes under it. So every new session starts a round
//     of [Publisher] and [Follower] from the beginning.
//   - It resolves all names of servers once, at the start, and fails if one of them
//     has no address. So it is given names, and each is resolved when it is dialled.
//     After a minute without a session the client is thrown away and made anew.
//   - It waits ten times as long as usual, 40 s, for the first answer of a server
//     that takes connections. One that is just starting may never give it. So the
//     socket waits no longer than a session lasts.
//   - A request waits while it connects. So requests are made by nobody but Run,
//     and the end of its context closes the socket.
//   - Its event channel drops what is not read at once, and a watch's own channel
//     is told after the others. So events come by its callback, which only takes
//     notes and wakes Run.
//
// Run of either has no goroutine but those of go-zookeeper, and ends them.
package mirror
