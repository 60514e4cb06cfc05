// Package gossip tells the members of the cluster about each other: it runs
// hashicorp/memberlist and writes what it learns into a [ring.Table]. Nothing
// else in the project knows memberlist.
//
// A program wires it so:
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
// # Who is believed
//
// Gossip is encrypted under the cluster key, and every member's metadata is a
// sealed [ring.Member] whose id is the node's name: what is not sealed by a key
// of ours never enters the table. The cluster's name is memberlist's label, so
// that staging does not join production by a wrong address.
//
// # Two nodes with one name
//
// memberlist lets a name belong to whoever had it first and tells a conflict
// only to a delegate; to the newcomer Join looks like a success. So a node is
// not ready before another one has told it that it lives at its address. When it
// hears that its name stands for another address, it asks that address itself:
// if a node answers there under our name with another boot, the younger of the
// two gives up with ErrNameTaken, without a word of goodbye, which would say
// that the name has left. If nobody answers, it is a node of ours that crashed:
// we join again every second until the others know that.
//
// # Staying together
//
// memberlist forgets a dead node, and with it the other side of a long split;
// and of two nodes that start at once with each other as seed each may find
// nobody. So a node that is alone tries its seeds again and again, and one that
// is not tries every ten seconds one address that it knows and does not see
// among the members: a seed, resolved anew; a member of the last day; whatever
// Config.More returns.
//
// # Goroutines and locks
//
// Run has two goroutines of its own (one publishes, one joins; a round of
// joining has up to three more) beside memberlist's, and ends them all; a
// push/pull that memberlist has under way may outlive Run by a few seconds.
// memberlist calls the delegates under its node lock, under which they take mu;
// so nothing here calls memberlist while it holds mu. tellMu comes before both.
package gossip
