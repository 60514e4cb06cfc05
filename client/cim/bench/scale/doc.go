// Package scale is `cim bench scale`: what clusters would do that nobody has the
// machines for, computed from the parts that are real.
//
// # The ring
//
// It is the ring that routes use, for any number of members, and [ring.Pick] is asked for
// a million users. Balance and movement do not depend on how many more there are: a
// billion users are a thousand for each one here, and land where that one does but
// for the last 1/sqrt(users of a member).
//
// # Gossip
//
// Members are simulated, with the timers of package gossip and the rules of
// memberlist (SWIM with Lifeguard's timers; Das, Gupta, Motivala 2002): each has a phase
// of its own; in each round it sends what is new to some random others, until it has
// sent it in Retransmit * ceil(log10(n+1)) packets; a packet is lost by chance. Who
// was not reached learns it when it exchanges everything with a random other. A dead
// member is probed by each other once in n-1 intervals, in random order; the first
// probe takes an interval to fail; its suspect has Suspicion * max(1, log10 n)
// intervals to object; then it is told as dead. News that rides on probes, and
// probes that fail for the loss of packets alone (memberlist tries TCP, too), are
// left out.
//
// # What so many nodes carry
//
// With what one event costs in CPU time (measured by `cim bench`, see Costs), a
// node of k cores used to the part u carries
//
//	connections        memory / bytes a connection, or the node's -capacity
//	private messages   k u / CPU of node          a second
//	deliveries         k u / CPU of a delivery    a second, merged as in fanout, max
//
// and behind n nodes stand, for m messages a second,
//
//	routes   m * CPU of route / (k u)             programs of k cores
//	Redis    m * CPU of redis-server / u          masters: a master is one thread
//
// Nothing in it grows with the number of nodes but a group's fan-out: a message to a
// group of g members on n nodes is one request to each node that holds one,
//
//	n (1 - (1 - 1/n)^g)
//
// of them, at most g; everyone's is n. In the background a node asks the route for
// connections/30 of its sessions a second, in requests of up to 1,000, hears a ping of
// each connection every 10 s, and sends
//
//	4 * Retransmit * ceil(log10(n+1)) * 300 bytes
//
// of gossip a second, since the whole cluster tells at most four loads a second.
package scale
