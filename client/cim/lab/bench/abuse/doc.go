// Package abuse is `cim bench abuse`. It measures what abuse costs users who have nothing
// to do with it.
//
// # Phases
//
// Each run has three phases, each on a new cluster of a node, a route and a redis-server
// with passwords and the default limits. In all of them, pairs of users write to each
// other and others log in.
//
//	quiet    nothing else happens
//	control  a generator (package attack) carries out the attack on a sink, which
//	         accepts and discards
//	attack   the same generator carries it out on the cluster
//
// On few cores, the generator itself delays the users. So the attack is compared with the
// control, and not with the quiet phase. The flooder sends as fast as node and route take
// its messages, on one connection to the node and eight to the route. In the control, it
// sends at the rate at which they took them in the attack before. After the first run, the control comes before the attack.
//
// After the runs, two more phases are measured once. In one, unfinished bodies come from
// the users' own address. In the other, many addresses guess the password of one account.
//
// # What counts
//
// A message counts from the moment at which it was due until the receiver's client has
// written it to its history. A login is one request to the route, on a new connection. It
// succeeds if the first answer says so.
//
// The generator runs with little priority (nice 10). This process runs the users' clients. A
// timer of 10 ms runs in both. If it is more than 20 ms late in one of them, the phase is
// thrown away and repeated. The report tells how many phases were.
//
// Memory is the most that was resident at one time, seen twice per second.
//
// One address may have 256 connections of strangers here, as it has wherever other
// machines can connect.
package abuse
