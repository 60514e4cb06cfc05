// Package servers connects to the Redis servers of a store: to one, to the master that
// Sentinels name, or to a Cluster. It knows which server holds a key ([Topology]), and
// what the failure of a command means.
//
// A connection may die unnoticed, because a gateway drops it or its process is frozen. So
// a connection that was idle for a while is probed before a write (probed.go).
// Connections to a server that became read-only are replaced (generation.go). In both
// cases the error wraps [ErrDead] and nothing was sent, so the caller may send all of it
// again.
//
// The Redis library repeats nothing. Package op decides what is sent again.
//
// # The Redis library
//
// github.com/redis/go-redis/v9 v9.23.0 makes the connections and sends the pipelines.
// github.com/redis/rueidis v1.0.79 was compared with it. Like go-redis as it is used
// here, it repeats no write. It also follows redirects, and sends the commands of many
// callers in one pipeline. But its errors do not say whether a write was sent, and that
// is the difference between ErrUnavailable and ErrUnknown. So probed.go here, and op.go,
// run.go and replicate.go of package op, would have to stay.
//
// The client's CPU per call was measured, for calls of EVALSHA commands with 300 bytes
// each. The table has the ratio of rueidis to go-redis, medians of three runs on a busy
// machine, outside this repository:
//
//	commands per call      1      10     100
//	1 caller               0.7    1.6    1.2
//	16 callers at once     0.6    1.0    1.1
//
// A route's call is usually one pipeline with several commands, so rueidis would gain
// nothing. Only calls of one command by many callers would be cheaper with it.
package servers
