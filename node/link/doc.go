// Package link is one connection of a client. It reads frames, writes frames, and
// pushes back. It knows frames, not users.
//
// TCP, WebSocket and TLS share one port. The first bytes tell them apart (see
// sniff.go). For each of them, the owner of a link gets decoded frames and hands over
// packets.
//
// # Engines
//
// A link is the same with both engines, which carry its bytes (the wire and engine
// types).
//
// The portable engine takes any net.Listener. A link has a goroutine that reads. It
// holds no buffer while it waits on a plain socket. A second goroutine writes. It
// exists only while bytes wait to be written.
//
// The epoll engine, on Linux and for TCP, keeps only the descriptor of a socket. There
// is one loop for two processors, and each link belongs to one loop for good. A loop
// has two goroutines, which keep both processors busy, with one buffer each. The first
// reads the links that epoll names. The second goes through the links that have queued
// frames and writes each once, round after round. Links with frames of their own and
// links with frames for a whole room take turns.
//
// If one read or one cork (Server.Cork) brought frames for few links, that goroutine
// writes them itself while the writing goroutine sleeps. A link that is being written
// is in no list, so only one goroutine ever writes it. So an idle link is a struct of
// 112 bytes. The writes of a busy room grow with the load, because the frames that are
// queued for a link until its turn comes go out together. A loop waits for its epoll
// descriptor through Go's own poller and holds no thread.
//
// A peer that speaks TLS leaves the epoll engine. The portable engine gets its socket,
// with the bytes read so far.
//
// # Descriptors
//
// The number of a closed descriptor may at once belong to another connection. So the
// epoll engine uses it only under the link's mu, or in a goroutine that has it pinned
// (poll.pins). It is closed under mu once the link is closed and nobody has it pinned.
// Events carry the link's id beside the number, and count only if that link still has
// the number. Closing takes a descriptor out of epoll, because it has no copies. Before
// a copy is made (finish.go), the descriptor is taken out.
//
// # Reading
//
// Decoding is a push parser over bytes (the input types). It is fed the bytes that
// came, and never waits. Between frames it keeps nothing, and all links share one
// value. It keeps a part of a frame until the rest has come. Package ws reads and writes
// WebSocket. A link pushes back by not
// reading: it stops while its outbox is full or its owner holds it.
//
// # Writing
//
// A link has a queue of encoded frames, bounded in bytes. It writes them with as few
// system calls as possible. A full queue makes the link lag. Then frames that have a
// place in a log are not queued, and only the newest place of each log is kept. A
// NEWEST frame reports these places as soon as the socket takes bytes again. No frame
// with a number is dropped without that. Frames for a whole room are a Batch, which is
// encoded once for all links, and queued and written as one frame.
//
// An idle server writes at once. If a goroutine is about to queue more, because it
// reads several frames or its owner corked it, it wakes no sleeping writer before that
// is done. So one write takes all frames. Nothing waits for a clock.
//
// # Ending
//
// Close queues a goodbye after the waiting frames: a KICK frame, or a WebSocket close
// with the same code. A CIM client gets none, because it would show it to people. Then
// the link closes its sending half and reads on until the peer has closed too, for a
// bounded time. If a socket is closed with unread bytes, the peer may lose the goodbye.
//
// An owner may ask whether a peer that ended a connection had read everything
// (Handler.Ending). It had if its TCP has acknowledged everything, and no reset follows
// its end within resetAfter. A copy of the socket waits for that.
//
// # Time, goroutines, locks
//
// A link has no timer. Server.Run checks all links once a second for what has a time
// limit: a login, silence, a stalled write, a goodbye. It owns the accept loop, the
// sweep, and the engine's goroutines, and returns when all have ended.
//
// A link's mu is taken with no other lock of this package held. Under it nobody is
// called and no byte is read or written. The epoll engine changes under it what epoll
// watches, ends the sending half, and closes. A loop's mu is taken under that of a
// link. Handlers run on the goroutine that reads their link, and must not wait. With
// the epoll engine one goroutine reads many links.
package link
