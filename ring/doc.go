// Package ring says where a user belongs: the members of the cluster, the
// consistent-hash ring over those that serve, and the pure function by which
// a user lands on one of them and lands there again next time.
//
// Everything here is a value: a [Ring] and a [View] never change once made, a
// [Member] is copied, and nothing does I/O or starts a goroutine. [Table] holds
// the current view and swaps it as a whole. Its writers are the packages
// below: gossip (memberlist), mirror (ZooKeeper), seed (HTTP). The ring
// chooses and decides nothing else: no two processes need agree on it, and
// nobody's liveness is guessed from it.
//
// # The ring
//
// The circle has 2^18 arcs, and a user's hash names one. Every member has an
// endless pseudo-random sequence of arcs, made from its id alone, and claims
// them one after another at a pace given by its weight; an arc belongs to
// whoever claims it first. So:
//
//   - The same members give the same ring on every process, in any order: the
//     time at which a member claims an arc depends on that member and that arc.
//   - A newcomer takes arcs only for itself, a leaver gives up only its own,
//     because nobody else's claims move.
//   - Shares are even. The owner of each arc is drawn independently, so a
//     member's share p of B arcs has a standard deviation of sqrt(p(1-p)/B):
//     0.09 % of all users for one member of three. With 160 random virtual
//     nodes a member it is about 2 %, and "an owner change moves at most
//     1/N + 1 % of the users" fails for every few clusters of three.
//   - The next arc's owner is unrelated to this one's, so the users of a full
//     member spread over all others and do not pile up on one neighbour.
//
// A ring costs B(ln B + 0.58) claims to build, 3.4 million whatever the number
// of members (they collect every arc, as coupons), and one read of a table to
// ask: see BenchmarkNew and BenchmarkOwner. Folder peers measures it beside other
// libraries: at 1,000 members a lookup takes 9 ns there and 330 to 3,000 ns with them,
// and the fullest of 1,000 has as many users as drawing each user's member by chance
// would give it, a third or a fifth of what it has on circles of virtual nodes.
//
// # Loads
//
// A member tells its load in eighths of its capacity, rounded down, and the
// loads that count are in the unit of the weights: eighths times weight. A
// member is open while its load is below
//
//	limit = ceil(C * mean * weight), mean = (sum of loads + q) / (sum of weights)
//
// over the serving members, computed in integers. q is the load that the sum
// does not show. With exact loads ([View.WithLoads]) it is 1, the user being
// placed; the limits then add up to more than the loads, so one member is
// always open, and after the user has landed nobody who was chosen as open is
// above ceil(C * mean * weight) counted with that user. With told loads it is
// half an eighth of everybody's capacity, what rounding down hides on average
// (so these are counted in half eighths): without it half of an evenly loaded
// cluster would look full whenever its load lies on a step.
package ring
