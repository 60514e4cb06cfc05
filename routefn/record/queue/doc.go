// Package queue keeps jobs: work that is done later, without a request that waits for it.
//
// A Job has a kind, a key, and the time by the store's clock when it is due. The jobs of
// a kind wait in 32 shards. Routes do them when nodes ask for due work. A route finds the
// shards with due jobs by Due. It takes jobs by TakeJobs, under a lease of ten seconds,
// does them, and ends them by EndJobs. If no route ends a job, it is taken again, so each
// job is done at least once. A job that fails is tried again after 10 s, 20 s and so on
// up to an hour. After twelve failures in a row it becomes a dead letter. Delayed
// messages are jobs of a special kind: package record stores them and ends them.
//
// The keys of a shard are in the table of package record.
package queue
