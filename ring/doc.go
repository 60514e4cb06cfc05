// Package ring assigns users to nodes. It has the members of the cluster and the
// consistent-hash ring over the members that serve. A pure function, Pick (pick.go),
// picks a node for a user. As long as the members stay the same, it mostly picks the
// same node again.
//
// Everything here is a value. A [Ring] and a [View] never change their answers, a
// [Member] is copied, and nothing does I/O or starts a goroutine. [Table] holds the
// current view and replaces it as a whole. The subpackages gossip (memberlist), mirror
// (ZooKeeper) and seed (HTTP) write the table. The ring only chooses a node. Processes
// need not agree on it, and it does not show which nodes are alive.
//
// # The ring
//
// The ring is a lookup table as in Maglev (Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", NSDI 2016), with weights. The table has
// 2^18 entries, called arcs, and a user's hash is the index of an arc. Every member
// has a pseudo-random sequence of arcs, computed from its id alone, and claims them one
// after another. The first member to claim an arc owns it. Two things differ from
// Maglev:
//
//   - Members do not take turns. A member of weight w claims an arc every 1/w of a
//     unit of time, from a random point of its first interval on. The earliest claim
//     wins. So weights may be any numbers, and the order of the members is irrelevant.
//   - A member's sequence is not a permutation of the table. It is an endless run of
//     SplitMix64, which may repeat an arc. So the size of the table may be a power of
//     two.
//
// This has four consequences:
//
//   - All processes compute the same ring from the same members, in any order, because
//     the time of a claim depends on its member and its arc only.
//   - A member that joins takes arcs only for itself. A member that leaves gives up only
//     its own arcs. No other member's claims move.
//   - Shares are even. The owner of each arc is drawn independently, so a member's
//     share p of B arcs has a standard deviation of sqrt(p(1-p)/B). For one member of
//     three, that is 0.09 % of all users. With 160 virtual nodes per member on a
//     circle, it is about 2 %. Of the clusters with three members, one in three could
//     then move more than 1/N + 1 % of its users at a change of members.
//   - The owner of the next arc is unrelated to the owner of this one. So the users of a
//     full member spread over all others, and do not overload one neighbour.
//
// Dividing the arcs among the members takes B(ln B + 0.58) claims (the coupon
// collector's problem). That is 3.4 million claims for any number of members. The first
// lookup in a ring divides its arcs, outside the lock of any table. So after 300 joins
// and then a lookup, only one ring has been divided; see BenchmarkJoins. Every later
// lookup reads one entry of the table; see BenchmarkNew and BenchmarkOwner.
//
// Folder peers compares the ring with other libraries. At 1,000 members a lookup takes 9
// ns here and 330 to 3,000 ns there. With 1,000 members, the fullest one exceeds the mean
// by as much as if each user's member were drawn at random. On a circle of virtual nodes,
// it exceeds the mean by three to five times as much.
//
// # Loads
//
// A member publishes its load in eighths of its capacity, rounded down. Loads are
// compared in the unit of the weights: eighths times weight. A member is open while its
// load is below
//
//	limit = ceil(C * mean * weight), mean = (sum of loads + q) / (sum of weights)
//
// over the serving members, computed in integers. This is consistent hashing with
// bounded loads; see [C]. q is the load that is missing from the sum:
//
//   - With exact loads ([View.WithLoads]) q is 1, for the user that is being placed. The
//     limits then add up to more than the loads, so one member is always open. After
//     the user is placed, no member that was chosen as open is above
//     ceil(C * mean * weight), where the mean includes that user.
//   - With published loads q is half an eighth of the whole capacity, which is what
//     rounding down hides on average. (Such loads are counted in sixteenths, so that this
//     half is a whole number.) Without q, half of an evenly loaded cluster would look full
//     at every step of the rounding.
package ring
