// Package bench is `cim bench`: it shows on anybody's machine what the system
// does there, and how much that is of what the machine could do.
//
// # What is measured
//
//	fanout  One publisher, a thousand clients in one room. Max: 64 messages are under
//	        way, a message until its last member has it. Paced: 20 a second, where
//	        nothing can be merged and each delivery wakes a sleeping reader.
//	pairs   500 pairs, each message is answered by one. Closed: as fast as answers
//	        come. Paced: 2,000 messages a second.
//	idle    10,000 logged-in connections that ping every ten seconds, by TCP and by
//	        WebSocket.
//	login   5,000 users ask the route for a ticket, 32 at a time; then they connect, 128
//	        at a time. A connection is open when the route has confirmed it.
//	group   One publisher and the members of a group, 10 to 1,000, on three nodes.
//
// Every message is stored before it is accepted, so "delivered" has the store in
// it and "accepted" is its time alone, both from when the message was due. What the
// store's path costs is the CPU of route and redis-server, and what the fan-out by
// itself costs that of the node: look at the form "apart".
//
// # Forms
//
// A system is started anew for each measurement, since memory that a process has
// had once it seldom gives back, and killed after it. "Together" is one cim-server
// -with-route and a redis-server; "apart" has node and route in processes of their
// own. The redis-server keeps nothing on disk. With Config.Routes a system that
// runs already is measured instead; it gets accounts named bench-000000 and so on.
//
// "Limit" is package limit: one event loop that stores, checks and acknowledges
// nothing. The same clients measure it in the same run, so the part of the limit is
// the figure that another machine, or a busy one, changes least. It is an upper
// bound and not a goal: a system that keeps what it accepted cannot reach it.
//
// # How
//
// The clients are one goroutine (package swarm) on the cores that the servers run
// on. What they cost is told as "load generator"; it is no part of the servers'
// CPU, but it does take time from them, so on a machine with few cores the servers
// would do more without it. CPU is what the kernel counts for a process in the
// measured time, in steps of 10 ms: a figure below one step in all is zero. It has
// the kernel's work for the process in it (system calls), and not what the kernel does
// in interrupts. Memory is what is resident, without the kernel's own for the
// sockets, about 4 KB each.
//
// Latencies are kept in buckets of 3 %. At a steady pace they count from when a
// message was due, so a server that stalls is charged for all that waited.
//
// Deliveries are checked while they are counted, all of them: everybody is given
// each message once, and the log has them in the order in which they were sent.
// "Before an earlier one" is what a client of the SDK puts in order. A run in which
// something was lost, came twice, or had no answer exits with 1.
//
// # What cannot be compared
//
// The max figures of two machines with different numbers of cores; latencies of the
// max loads, which are queues of our own making; anything through loopback with a
// network between machines; paced CPU figures of a machine that also does other
// work, because waking up is most of them.
package bench
