// Package verify is `cim verify`: it checks on anybody's machine that a message
// whose sender was told "accepted" is shown to each receiver exactly once, in the
// order of its log, a sender's messages in the order he sent them, whatever
// breaks meanwhile.
//
// It starts a real cluster (package up), lets hundreds of users write to each
// other (crowd), breaks things by a plan that follows from a seed (fault), and
// writes down what everybody was told and shown. When all is healed and nothing
// moves any more, a judge who knows nothing but what was written gives the
// verdict (ledger). The same file can be judged again by Check.
//
// Some users have a CIM client, too. It acknowledges nothing, so that what is promised
// to it is less: everything at least once, in the order of its logs, and again only on
// another connection.
//
// The seed decides who sends what to whom when, what breaks when and for how
// long. It cannot decide how the processes' threads interleave: the same seed is
// the same story, and not the same run.
//
// The store has one of three forms, each with faults of its own: a single server is
// killed, has its clock set, goes on while its connections are cut and its answers are
// lost, or comes back older or empty; of the others, primaries are lost, replicas stand
// still, slots move. Any form is paused, slow, full, or refuses writes. What a run
// cannot break it says, and what it could have broken and did not. A failover of a
// store that is told "accepted" by its primary alone may lose the last moments, and
// one that comes back older or empty what it no longer has: that is counted, and is no
// violation.
//
// Clocks of nodes and routes are wrong by what CIM_TEST_CLOCK's file says, see
// config.Clock. Promised times are judged by a clock of the run's own: moments in
// which a timer of 100 ms came more than 200 ms late are not counted.
//
// As root on Linux the run has a network of its own, which ends with it: there gossip
// is cut, and packets from and to a node and a route pass a bad link, while they run.
// The link is one TUN device, which routing rules lead their ports into; a clean link
// has none and costs nothing.
//
// Once all is healed, each device sends one message more over its own connection: one
// that takes nothing any more shows. Then the logs and the store's state are read.
//
// A run that cannot come to its end, because a fault cannot be healed or a process
// ended by itself, is judged all the same, says so, and calls nothing lost.
//
// A few devices are the page that routes serve, whose modules run in Node; they are
// judged as those of the SDK are. Without Node they are left out, and the verdict says
// so.
//
// What it does not break: the network between routes and the store other than by its
// connections, a disk that loses what was synced.
//
// Whether it would notice is checked, too: breakage/run breaks the code on purpose,
// in one way after the other, and demands the violation that belongs to it.
package verify
