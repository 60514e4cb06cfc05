// Package sock makes TCP connections whose reads and writes Go's scheduler is not
// told of.
//
// Before a system call that could block, Go's runtime makes ready for others to take
// its processor, which is a tenth of a small write's cost, and wakes its monitor
// thread if that sleeps, as it does whenever all goroutines wait. A server that is
// called two thousand times a second sleeps and wakes as often, and the monitor with
// it, which costs several times what the read or the write does. But a socket that
// Go's poller watches never blocks. So system calls on it may be made as if they were
// computations, in portions that cost no more than a few tens of microseconds.
//
// All else is as package net has it: deadlines, the poller, and who may call what at
// the same time. On other systems than Linux, connections stay what they are.
//
// TryRead and TryWrite are the system calls by themselves, on Linux only, for whoever
// has descriptors and his own way to wait for them.
package sock
