// Package scale is `cim bench scale`. It computes how clusters behave that are too large
// for one machine. The ring is the real one. The rest is a model with measured costs.
//
// # The ring
//
// The ring is the one that routes use, for any number of members. [ring.Pick] places a
// million users on it. Balance and movement hardly depend on the number of users. For a
// billion users, each user of the model stands for a thousand users who land on the same
// member. The error is up to 1/sqrt(users per member).
//
// # Gossip
//
// Members are simulated, with the timers of package gossip and the rules of memberlist
// (SWIM with Lifeguard's timers; Das, Gupta, Motivala 2002). Each member has a phase of
// its own. In each round it sends news to some random members. It ends when it has sent
// the news in Retransmit * ceil(log10(n+1)) packets. Packets are lost at random. A member
// that no packet reached learns the news when it exchanges its whole state with a random
// member.
//
// Each member probes all others in random order, and so a dead member once in n-1
// intervals. The first probe takes one interval to fail. Then the suspect has Suspicion *
// max(1, log10 n) intervals to object. After that it is announced as dead. The model
// leaves out news that is sent together with probes. It also leaves out probes that fail
// because of lost packets. After such a failure, memberlist tries TCP.
//
// # The load that n nodes carry
//
// The CPU time of one event comes from `cim bench` (see Costs). A node of k cores, of
// which the part u may be used, carries
//
//	connections        memory / bytes per connection, or the node's -capacity
//	private messages   k u / CPU of node         per second
//	deliveries         k u / CPU of a delivery   per second, merged as in fanout, max
//
// For m messages per second, n nodes need
//
//	routes   m * CPU of route / (k u)            programs of k cores
//	Redis    m * CPU of redis-server / u         masters; a master is one thread
//
// Only the fan-out of a group grows with the number of nodes. Each node that holds a
// member of the group gets one request per message. A group of g members on n nodes costs
//
//	n (1 - (1 - 1/n)^g)
//
// requests, and never more than the group has members. The group of all users costs n.
// In the background a node checks connections/30 of its sessions per second with the
// route, in requests of at most 1,000. It receives a ping from each connection every 10
// s. It sends
//
//	4 * Retransmit * ceil(log10(n+1)) * 300 bytes
//
// of gossip per second, because the whole cluster announces at most four loads per second.
package scale
