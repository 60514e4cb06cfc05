// Package op sends operations to Redis. Package record and the packages below it know
// what is stored. This package knows only how operations and answers travel.
//
// An Op is one atomic step on the keys of one slot: a command, a transaction, or a Lua
// script. A DB sends ops, many in one pipeline, to all servers at once.
//
//	what one step is, and when it is repeated  op.go; read.lua
//	scripts and their files                    script.go; lua/clock.lua
//	pipelines, rounds and pauses               exec.go, run.go
//	a write waits for replicas                 replicate.go; run.go, Accept
//	something else decides first               run.go, Guard
//	the time of the store                      time.go; ../clock
//	answers are read, names are checked        reply.go, names.go
//	errors by class, metrics                   errors.go, metrics.go
//	a store is connected to, and checked       db.go, config.go, check.go, rights.go; ../servers
//
// # Bounds
//
// A call sends a server at most 500 operations in one pipeline. After a failure, or
// after half of Config.ReadTimeout, it sends that server no further pipeline.
// Operations that were not sent get ErrUnavailable. So a call with many parts may
// succeed in part, and the caller repeats the rest. See DB.Run.
//
// # Errors
//
// A call returns ErrUnavailable if it was certainly not executed. It returns ErrUnknown
// if a write was sent and no answer came. The Redis library repeats nothing. This package
// repeats an operation in three cases. In the first case, a server answered that it did
// not execute the operation (a moved slot, an unknown script). In the second case, the
// connection was found dead before the operation was sent (Config.ProbeIdle). In the
// third case, the operation only reads, and its connection died. Then it is repeated only
// once.
//
// While the store's memory is full, writes fail with ErrUnavailable, and reads still
// work. Redis 7.0 then refuses all commands in a MULTI, so a read of several keys or
// fields is repeated by a script (read.lua).
//
// # Replicas
//
// An op that DB.Accept sends succeeds only after as many replicas as Config.Replicas says
// have it. All such writes to one master are sent in one pipeline with one WAIT at its
// end. Writes that arrive meanwhile form the next batch. The result is ErrUnknown if too
// few replicas answer in time, if the connection is lost, or if the primary becomes a
// replica.
//
// WAIT answers for the last write of its connection. On a connection that has only read,
// Redis 7.0 waits all the same, but Valkey 9 does not. It answers at once that all
// replicas have the write. In a transaction neither of them waits. Redis answers that no
// replica has the write, and Valkey answers that all have it. On another connection of
// the pool, or at another master, the answer is about another write. So each op that
// needs replicas must write, and is in one pipeline with its WAIT. A command that changes
// nothing, such as DEL of a key that does not exist, is not replicated and does not count
// as a write.
// # Rights
//
// rights.go lists the commands that the store's user must be allowed to use. If some
// are not allowed, Dial returns an error that names them. The rights "~cim:* +@all
// -@dangerous +info" are enough. Sentinels have users of their own.
package op
