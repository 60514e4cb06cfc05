// Package bench is `cim bench`. It measures how much work the system does on a machine.
// Then it compares that with the most that any server could do on the machine.
//
// # What is measured
//
//	fanout One publisher, 1,000 clients in one room. Max: 64 messages are under
//	        way, each until its last member has it. Paced: 20 per second, so that
//	        nothing can be merged and each delivery wakes a sleeping reader.
//	pairs   500 pairs, each message is answered by one. Closed: as fast as answers
//	        come. Paced: 2,000 messages per second.
//	idle    10,000 logged-in connections that ping every 10 s, by TCP and by WebSocket.
//	        With -idle-rate, they also send so many messages per second.
//	login   5,000 users ask the route for a ticket, 32 at a time; then they connect, 128
//	        at a time. A connection is open when the route has confirmed it. With
//	        -groups-of-user, it is measured twice more. First each user is alone in
//	        that many groups, so that no node holds them. Then all users are in the same
//	        groups. At most 20,000 groups are made, which bounds the users.
//	group   One publisher and the members of a group, 10 to 1,000, on three nodes.
//	http    Private messages by POST /v1/send, beside the same by connection: one at a
//	        time, 64 (-outstanding) of one account, and 64 of as many accounts. Each
//	        goes to a receiver of its own, who is connected. It is measured with empty
//	        logs, and with 1,000 entries in each log that users wrote to themselves
//	        before. By HTTP, each message under way has a connection, and its sender has
//	        no other. By connection, a sender has one for all. The time of a message that
//	        the route refused for now counts from its first request.
//	half    The pairs, but each message has a moment that was fixed before, and none waits
//	        for another. First, the highest rate is found, as in the closed runs of pairs.
//	        Then half as many messages per second are sent on the same connections. To
//	        compare two systems at one rate, half of -half-of is sent instead. If a
//	        timer of 10 ms in the bench is more than 20 ms late, the run is thrown away
//	        and repeated, at most 20 times.
//	pull    Eight users read 1,000 messages of their logs, again and again: as JSON, and as
//	        protobuf, which the SDK asks for. The load generator decodes each page.
//	handshakes
//	        500 pairs write 2,000 messages per second, in open loop as in half. Then they
//	        do so while strangers begin 1,000 handshakes of TLS per second with a sink
//	        (control), and then with the node. It needs -tls clients or -tls all.
//	storm   5,000 connections break at the same moment. All users log in again at once by
//	        their tokens, and each connects as soon as it has its ticket. The SDK would
//	        wait a moment, but these clients do not. All times count from the break.
//
// Without a name, bench measures the first five.
//
// Every message is stored before it is accepted. So "delivered" includes the store, and
// "accepted" is the store's time alone. Both times begin when the message was due. In the
// form "apart", the CPU of route and redis-server is the cost of storing a message. The
// CPU of the node is the cost of delivering it.
//
// # Forms
//
// Each measurement starts a new system and kills it afterwards, because a process seldom
// gives memory back. "Together" is one cim-server -with-route and a redis-server. "Apart"
// has node and route in processes of their own. The redis-server keeps nothing on disk.
// With Config.Routes a running system is measured instead. It gets accounts named
// bench-000000 and so on, in open mode or with a password. If that system runs elsewhere,
// it is not compared with the limit, and the CPU of its processes is not known. Its limits
// must allow as many registrations and messages as the loads have. Its nodes must accept
// TCP.
//
// With Config.TLS each form is measured without TLS, and then with TLS at one hop after
// the other (see the variable TLS). All of these systems have a cluster key, so TLS is the
// only difference. The bench makes the certificates. Its clients make full handshakes.
// Only in storm, users who come back resume their sessions. TLS also costs CPU in the load
// generator, which the generator's row shows.
//
// "Limit" is package baseline: one event loop that stores, checks and acknowledges
// nothing. The same clients measure it in the same run. Figures that are given as parts of
// the limit change less than other figures if the machine is another one, or is busy. The
// limit is an upper bound and not a goal, because a system that keeps the messages that it
// accepted cannot reach it.
//
// # How
//
// The clients are one goroutine (package loadclients) on the same cores as the servers.
// The row "load generator" has the CPU of the clients. That CPU does not count for the
// servers, but it takes time from them. On a machine with few cores the servers would do
// more if the clients ran elsewhere.
//
// CPU is the time that the kernel counts for a process in the measured time, in steps of
// 10 ms. Less than one step counts as zero. It includes the kernel's work in system calls,
// but not in interrupts. Memory is the resident memory. It does not include the kernel's
// memory for sockets, about 4 KB each.
//
// Latencies are kept in buckets of 3 %. At a steady pace a latency begins when the
// message was due. So if a server stalls, the time for which messages wait counts in
// full.
//
// All deliveries are checked while they are counted. Each client must get each message
// once, and the log must have the messages in the order of sending. The row "before an
// earlier one" counts deliveries in another order, which a client of the SDK puts right.
// If a message was lost, delivered twice or not answered, the program exits with 1.
//
// # What cannot be compared
//
// Do not compare the max figures of machines with different numbers of cores. Latencies of
// the max loads come from queues that the bench itself makes. Figures through loopback say
// nothing about machines with a network between them. On a machine that does other work,
// the CPU figures of paced loads are mostly the cost of waking sleeping processes.
package bench
