// Package link is one connection of a client: it reads frames, writes frames,
// and pushes back. It knows frames, not users.
//
// TCP, WebSocket and TLS share one port; the first bytes tell them apart (see
// sniff.go). Whatever carries them, the owner of a link sees decoded frames in
// and hands packets out.
//
// # Engines
//
// A link is the same whatever carries it; two engines (the wire and engine types)
// do.
//
// The portable engine takes any net.Listener. A link has a goroutine that reads,
// which holds no buffer while it waits on a plain socket, and one that writes,
// which exists only while something waits.
//
// The epoll engine, on Linux and for TCP, keeps only the descriptor of a socket. There
// is a loop for two processors, and each link belongs to one for good. A loop has two
// goroutines, which keep both busy, and one buffer for each: one reads the links that
// epoll names, the other goes through the links that something was queued for and
// writes each once, round after round; those that have something of their own and
// those that a room was written to take turns. What one read or one gathering
// (Server.Gather) brought for few links is written by whoever did, while the writing
// goroutine sleeps; a link that is written is in no list, so only one of them ever
// writes it. So an idle link is a struct of 112 bytes, and a busy room's writes grow
// with the load: what is queued for a link until its turn comes goes out with it. A
// loop waits for its epoll descriptor through Go's own poller and holds no thread.
//
// A peer that speaks TLS leaves the epoll engine: its socket is given to the
// portable one, with the bytes read so far.
//
// # Descriptors
//
// The number of a closed descriptor is at once that of another connection. In the
// epoll engine it is therefore used only under the link's mu or by a goroutine
// that has it pinned (poll.pins), and closed under mu once the link is closed and
// nobody has it pinned. Events carry the link's id beside the number, and count
// only if that link still has it. Closing takes a descriptor out of epoll, since
// it has no copies.
//
// # Reading
//
// Decoding is a push parser over bytes (the input types): it is fed what came
// and never waits. Between frames it keeps nothing, and shares one value for all
// links; a part of a frame is kept as long as it is one. Not reading is how a link
// pushes back: it stops while its outbox is full or its owner holds it.
//
// # Writing
//
// A link has a queue of encoded frames, bounded in bytes, and what waits goes out
// in as few system calls as it takes. A full queue makes the link lag: frames that
// have a place in a log are not queued, only the newest place of each log is kept,
// and a NEWEST frame says so as soon as the socket takes bytes again. Nothing that
// is numbered is dropped without that. What comes for a whole room at once is a Batch:
// it is put together once for all links, and queued and written as one frame.
//
// An idle server writes at once. One that is about to queue more, because it reads
// several frames or its owner gathers, wakes no sleeping writer until it has, so that
// one write takes it all; nothing waits for a clock.
//
// # Ending
//
// Close queues a goodbye behind what waits (a KICK frame, or a WebSocket close
// with the same code; a CIM client gets none, it would show it to people), then
// closes the sending half and reads on until the peer has closed too, for a
// bounded time: a socket closed with unread bytes would take the goodbye away
// from the peer.
//
// # Time, goroutines, locks
//
// A link has no timer. Server.Run goes over all links once a second and checks
// what may not last: no login, silence, a stalled write, a goodbye. It owns the
// accept loop, the sweep, and the engine's goroutines, and returns when all have
// ended.
//
// A link's mu is taken with no other lock of this package held. Under it nobody is
// called and no byte is read or written; the epoll engine changes there what epoll
// watches, ends the sending half, and closes. A loop's mu is taken under that of a
// link. Handlers run on the goroutine that reads their link, with the epoll engine
// one for many links, and must not wait.
package link
