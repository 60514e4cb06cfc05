// Package clock knows the time of the store. Its servers' answers to TIME are readings.
// It does no I/O: package record asks the servers.
package clock
