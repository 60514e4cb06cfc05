// Package verify is `cim verify`. It checks the system's promise on any machine. A message
// that was accepted is shown to each receiver exactly once, in the order of its log.
// Messages of one sender come in the order of sending. All of that must be true whatever
// breaks meanwhile.
//
// A run starts a real cluster (package up) and lets hundreds of users write to each other
// (crowd). It breaks things by a plan drawn from a seed (fault), and records every answer
// and every message that a client gets. When everything is healed and nothing moves any
// more, a judge gives the verdict from these records alone (ledger). Check judges the
// same file again.
//
// Some users also have a CIM client, which acknowledges nothing. So the promise to it is
// weaker: each message at least once, in the order of its log. A message may be shown
// again on another connection, unless a ping or an orderly end proved that the client had
// read it.
//
// The seed decides the senders, receivers, texts and times of all messages. It also
// decides which faults happen, when, and for how long. It cannot decide how the threads of
// the processes interleave. The same seed gives the same plan, but not the same run.
//
// # What breaks
//
// The store has one of three forms, and each has faults of its own. A single server is
// killed, gets a wrong clock, loses connections and answers, or comes back older or empty.
// With Sentinels or a Redis Cluster, primaries are lost, replicas stand still, and slots
// move. A store of any form is paused, slow, full, or refuses writes. The verdict lists
// the faults that could not happen in this run. It also lists the faults that could have
// happened but did not.
//
// If a message is accepted when only the primary has it, a failover may lose the messages
// of the last moments. A store that comes back older or empty loses more messages. Such
// losses are counted, but are no violation.
//
// If up.Config.Clocks is set, each node and route reads the error of its clock from the
// file that CIM_TEST_CLOCK names. The run judges promised times by its own clock. It
// leaves out moments in which a timer of 100 ms came more than 200 ms late.
//
// As root on Linux the run has a network of its own, which ends with the run. There,
// gossip is cut, and the packets of a node and a route go over a bad link. The link is one
// TUN device, a network interface whose packets this program handles. Routing rules send
// the packets of these two processes into it. A link without a fault has no device and
// costs nothing.
//
// A run leaves two things out. Between routes and the store it breaks only connections,
// not the network. And no disk loses data that was synced.
//
// # How a run ends
//
// When everything is healed, each device sends one more message over its own connection.
// This message shows which devices receive nothing any more. Then the run reads the logs
// and the state of the store.
//
// If a fault cannot be healed or a process ends by itself, the run is cut short. It is
// judged all the same, but the verdict says that it was cut short, and no message counts
// as lost. The same is true if a program is asked to end and its status is not 0. A
// program with the race detector ends with such a status after a data race.
//
// A few devices run the web page that routes serve. Its JavaScript modules run in Node.js.
// They are judged like devices of the SDK. Without Node.js these devices are left out, and
// the verdict says so.
//
// breakage/run checks that a run notices mistakes. It breaks the code on purpose, in one
// way after the other. Each time, the run must report the violation that belongs to the
// break.
package verify
