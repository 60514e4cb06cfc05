// Package redistest starts private redis-server processes: one; a primary with
// replicas and Sentinels; or a Cluster, for a whole system on one machine and for
// tests. They listen on loopback only, without a password, and end with the
// process that started them.
//
// Each server has one goroutine, which waits for the process to end; Stop or Kill
// ends both. For tests of failover, a primary can be lost together with its last
// writes, and slots of a Cluster can be moved.
package redistest
