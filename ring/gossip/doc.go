// Package gossip keeps the list of the cluster's members by gossip. It runs
// hashicorp/memberlist and writes the members into a [ring.Table]. No other package
// imports memberlist.
//
// A program uses it like this:
//
//	keys := ring.NewKeys(clusterKey)
//	table := ring.NewTable()
//	g, err := gossip.New(gossip.Config{
//		Self: self, Keys: keys, Table: table, Cluster: "prod",
//		Bind: "0.0.0.0:7946", Seeds: seeds, Remember: dataDir + "/members.json",
//		More: follower.Gossips, // members in ZooKeeper, see ring/mirror
//	})
//	...
//	group.Go(func() error { return g.Run(ctx) })
//
// and mirror.NewPublisher takes g.Self.
//
// # Authentication
//
// Gossip is encrypted under the cluster key. Every member's metadata is a sealed
// [ring.Member] whose id is the node's name. Metadata that no key of this cluster
// sealed never enters the table. The cluster's name is memberlist's label, so that
// staging does not join production by a wrong address.
//
// # Two nodes with one name
//
// In memberlist a name belongs to the first node that used it. memberlist reports a
// conflict only to a delegate, and Join succeeds for the second node, too. So a node is
// not ready until another node has confirmed its address.
//
// If others have another address for its name, the node joins that address itself. If a
// node answers there under the same name with another boot, the younger of the two
// nodes ends with ErrNameTaken. The younger node does not broadcast that it leaves,
// because the others would then remove the older node. If no node answers, the address
// is that of a crashed node. Then this node joins again every second until the others
// have noticed the crash.
//
// # Staying together
//
// memberlist forgets a dead node, and so it forgets the other side of a long network
// split. Two nodes that start at the same time with each other as seed may both find no
// member. So a node without members tries its seeds again and again. Every ten seconds,
// a node with members tries one address that no known member has. Such an address comes
// from a seed (resolved again), from the members of the last day, or from Config.More.
//
// # Goroutines and locks
//
// Run has two goroutines of its own: one publishes, and one joins. A round of joining
// starts up to three more, and memberlist has others. Run ends them all. But a
// push/pull that memberlist has begun may outlive Run by a few seconds.
//
// memberlist calls the delegate's methods under its node lock, and the methods take mu.
// So no method calls memberlist while it holds mu. announceMu is taken before both of
// these locks.
package gossip
