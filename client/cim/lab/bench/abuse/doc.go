// Package abuse is `cim bench abuse`. It measures how much the abuse of a cluster by
// others slows its users down.
//
// # Phases
//
// Each run has three phases, and each phase has a new cluster: a node, a route and a
// redis-server, with passwords and the default limits. In all phases, pairs of users
// write to each other, and others log in.
//
//	quiet    nothing else happens
//	control  a generator (package attack) carries out the attack on a sink, which
//	         accepts and discards
//	attack   the same generator carries it out on the cluster
//
// On few cores, the generator itself delays the users. So the attack is compared with the
// control, and not with the quiet phase. In the attack, the flooder sends as fast as node
// and route accept its messages. It has one connection to the node and eight to the route.
// In the control, it sends at the rate that it had in the latest attack. After the first
// run, the control comes before the attack.
//
// After all runs, two more phases are measured, once each. In the first of these,
// unfinished bodies come from the users' own address. In the second, many addresses guess
// the password of one account.
//
// # What counts
//
// The time of a message is measured from the moment at which the message was due. It ends
// when the receiver's client has written the message to its history. A login is one
// request to the route, on a new connection. It succeeds only if the first answer lets the
// user in.
//
// The generator runs with little priority (nice 10). The users' clients run in this
// process. Both processes have a timer of 10 ms. If one of the timers is more than 20 ms
// late, the phase is thrown away and repeated. The report says how many phases were
// thrown away.
//
// Memory is the largest resident size of a process. The size is read twice per second.
//
// In these clusters, one address may have 256 connections of strangers, who have not
// logged in. That is the default of nodes and routes that other machines can reach.
package abuse
