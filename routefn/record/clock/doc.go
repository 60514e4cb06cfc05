// Package clock knows the time of the store. It computes that time from readings, which
// are the answers of the store's servers to TIME. It does no I/O. Package record asks the
// servers.
package clock
