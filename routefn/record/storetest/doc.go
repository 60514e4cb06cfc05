// Package storetest starts the servers on which tests of the store run. All tests of a
// package share an embedded store, a redis-server and a Cluster. A test may also have
// servers of its own, with replicas. On a machine without redis-server the tests fail,
// and are not skipped.
package storetest
