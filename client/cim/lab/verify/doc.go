// Package verify is `cim verify`. It checks the promise on any machine: a message whose
// sender was told "accepted" is shown to each receiver exactly once, in the order of its
// log. Messages of one sender come in the order of sending. That holds whatever breaks
// meanwhile.
//
// A run starts a real cluster (package up) and lets hundreds of users write to each other
// (crowd). It breaks things by a plan drawn from a seed (fault), and records what each
// client was told and shown. When everything is healed and nothing moves any more, a judge
// that knows only these records gives the verdict (ledger). Check judges the same file
// again.
//
// Some users also have a CIM client, which acknowledges nothing. So less is promised to
// it: each message at least once, in the order of its log. A message may be shown again on
// another connection, unless a ping or an orderly end proved that the client had read it.
//
// The seed decides which user sends what to whom and when, and what breaks when and for
// how long. It cannot decide how the threads of the processes interleave. The same seed
// gives the same plan, but not the same run.
//
// # What breaks
//
// The store has one of three forms, and each has faults of its own. A single server is
// killed, gets a wrong clock, loses connections and answers, or comes back older or empty.
// With Sentinels or a Redis Cluster, primaries are lost, replicas stand still, and slots
// move. A store of any form is paused, slow, full, or refuses writes. The verdict lists
// what the run could not break, and what it could have broken and did not.
//
// If one primary alone accepts messages, its failover may lose the last moments. A store
// that comes back older or empty loses more. Such losses are counted and are no violation.
//
// Clocks of nodes and routes are wrong by what the file of CIM_TEST_CLOCK says, if
// up.Config.Clocks is set. The run judges promised times by its own clock. It leaves out
// moments in which a timer of 100 ms came more than 200 ms late.
//
// As root on Linux the run has a network of its own, which ends with it. There, gossip is
// cut, and the packets of a node and a route pass a bad link. The link is one TUN device,
// and routing rules lead their ports into it. A clean link has no device and costs nothing.
//
// A run does not break the network between routes and the store other than by its
// connections, nor a disk that loses what was synced.
//
// # How a run ends
//
// When everything is healed, each device sends one more message over its own connection.
// A device that receives nothing any more is noticed that way. Then the run reads the logs
// and the state of the store.
//
// If a fault cannot be healed or a process ends by itself, the run is cut short. It is
// judged all the same, its verdict says so, and no message counts as lost. The same holds if
// a program ends with another status than 0 when it is asked to end. A program with the race
// detector does so after a data race.
//
// A few devices are the web page that routes serve, whose modules run in Node. They are
// judged as devices of the SDK are. Without Node they are left out, and the verdict says so.
//
// breakage/run checks that a run would notice: it breaks the code on purpose, in one way
// after the other, and demands the violation that belongs to it.
package verify
