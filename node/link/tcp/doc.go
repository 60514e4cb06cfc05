// Package tcp is what a link needs to know of its socket and the system. [TryRead] and
// its like are system calls that never block and skip Go's scheduler. A [Source] reads,
// and holds no buffer while it waits. A [Copy] of a socket shows whether the peer has
// read everything. On systems that do not show that, the result is "not known".
package tcp
