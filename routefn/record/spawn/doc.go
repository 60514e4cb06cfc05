// Package spawn starts private redis-server processes: one, or a Cluster of
// masters, for a whole system on one machine and for tests. They listen on
// loopback only, without a password, and end with the process that started them.
//
// Each server has one goroutine, which waits for the process to end; Stop or Kill
// ends both.
package spawn
