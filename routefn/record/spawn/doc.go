// Package spawn starts private redis-server processes: one; a primary with
// replicas and Sentinels; or a Cluster, for a whole system on one machine and for
// tests. They listen on loopback only, without a password, and end with the
// process that started them.
//
// Each server has one goroutine, which waits for the process to end; Stop or Kill
// ends both. A primary of a group can be lost with the last that it did, and
// slots of a Cluster can be moved: what tests of failover need.
package spawn
