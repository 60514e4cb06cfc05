// Package attack is the load generator of `cim bench abuse`. It costs a cluster what
// strangers and one account could make it cost: bodies and frames that never end, wrong
// passwords, and messages as fast as a node takes them. All input is harmless.
//
// A generator is a process of its own. It gets a Plan as JSON from its standard input,
// writes "ready" when the whole attack stands, and its Report when the input ends. A sink
// (ServeSink) is another process, which accepts connections and discards what they send.
// The same Plan aimed at a sink shows what the generator itself takes from the machine.
//
// # Open loop
//
// Everything but the flooder at full speed happens at moments that were fixed before. A
// slow cluster does not slow the attack down. So an attack on a cluster and one on a sink
// have the same rate.
//
// # Addresses
//
// Attackers connect from addresses of their own in 127.0.0.0/8, because what a cluster
// grants to one address is bounded. Some bodies come from 127.0.0.1, where the users are.
//
// # Goroutines
//
// Each held connection has a goroutine, each guesser and each connection of a flooder has two. Serve
// ends all of them before it returns.
package attack
