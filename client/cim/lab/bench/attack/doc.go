// Package attack is the load generator of `cim bench abuse`. It loads a cluster as
// strangers could do, with bodies and frames that never end, wrong passwords, and
// handshakes of TLS. It also loads the cluster as one account could do, with messages as
// fast as a node takes them. All input is harmless.
//
// A generator is a process of its own. It gets a Plan as JSON from its standard input. It
// writes "ready" when the whole attack is under way. It writes its Report when its
// standard input ends. A sink (ServeSink) is another process, which accepts connections
// and discards what they send. With the addresses of a sink, the same Plan shows how much
// of the machine's CPU the generator itself takes.
//
// # Open loop
//
// Except for a flooder at full speed, everything happens at moments that are fixed in
// advance. So a slow cluster does not slow the attack down, and an attack on a cluster has
// the same rate as one on a sink.
//
// # Addresses
//
// Attackers connect from addresses of their own in 127.0.0.0/8, because a cluster limits
// the connections of one address. Some bodies come from 127.0.0.1, the address of the
// users.
//
// # Goroutines
//
// Each held connection has one goroutine. Each guesser and each connection of a flooder
// has two. Serve ends all of them before it returns.
package attack
