// Package redistest starts private redis-server processes, for tests and for a whole
// system on one machine. It starts one server, or a primary with replicas and
// Sentinels, or a Cluster. The servers listen on loopback only, have a password if their
// Config has one, and end with the process that started them.
//
// Each server has one goroutine, which waits for the end of the process. Stop or Kill
// ends both. Tests can lose a primary together with its last writes, and move slots of
// a Cluster.
package redistest
