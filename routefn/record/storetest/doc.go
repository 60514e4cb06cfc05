// Package storetest gives tests of the store the servers on which they run: an embedded
// store, a redis-server and a Cluster, which all tests of a package share, and servers
// of a test's own, with replicas. On a machine without redis-server the tests fail, and
// are not skipped.
package storetest
