// Package link is one connection of a client. It reads and writes frames, and stops
// reading if its owner or its outbox needs time. It knows frames, not users.
//
// TCP, WebSocket and TLS share one port. The first bytes tell them apart (see
// sniff.go). For each of them, the owner of a link gets decoded frames and hands over
// packets.
//
// Package ws has the WebSocket protocol, and proxyheader the header of the PROXY
// protocol. Package outbox has the bytes that a link has to write, records has TLS for
// the epoll engine, and tcp what the system knows of a socket.
//
//	a server is made, runs, and ends   server.go, run.go
//	a link is made, and leaves         admit.go, list.go; too many of one address: meet.go, stranger.go
//	what an owner calls                link.go, batch.go
//	bytes become frames                reader.go, sniff.go, framer.go, upgrade.go, messenger.go, proxied.go
//	frames become bytes                packet.go, writer.go
//	the portable engine                stream.go
//	the epoll engine                   epoll_linux.go, loop_linux.go, read_linux.go, flush_linux.go
//	the same with TLS                  secured_linux.go, shake_linux.go
//	time limits                        sweep.go
//	has the peer read everything       finish.go
//
// # Engines
//
// Two engines can carry the bytes of a link (the types wire and engine). The link is the
// same with both.
//
// The portable engine takes any net.Listener. Each link has a goroutine that reads; it
// holds no buffer while it waits on a plain socket. A second goroutine writes, and exists
// only while bytes wait to be written.
//
// The epoll engine, on Linux and for TCP, keeps only the descriptor of a socket. So an
// idle link is a struct of 112 bytes. There is one loop for every two processors, and a
// link never changes its loop. A loop has two goroutines, which keep both processors
// busy, with one buffer each. The first goroutine reads the links that epoll names. The
// second goes through the links that have queued frames and writes each once, round after
// round. Links with frames of their own and links with frames for a whole room take
// turns.
//
// The writing goroutine may be asleep at the end of one read or one cork (Server.Cork).
// If only few links have queued frames then, nobody wakes it, and the goroutine that
// queued the frames writes them itself. A link that is being written is in no list, so
// only one goroutine at a time writes it. Under load the writes of a busy room become
// larger, because all frames that are queued for a link until its turn comes go out
// together. A loop waits for its epoll descriptor through Go's own poller and holds no
// thread.
//
// # TLS
//
// A link begins its handshake when the first record of the peer is complete. With the
// portable engine, a tls.Conn takes the place of the socket. So TLS costs a goroutine and
// buffers for each link.
//
// With the epoll engine, a handshake has a goroutine of its own, which reads the link and
// ends with the handshake. So that half of the processors stay free, a pool bounds how
// many handshakes compute at a time. Those that wait for their peers do not count. After
// the handshake, the loop reads and writes the link, like any other link. The loop
// decrypts what it has read, record by record, into one buffer for all its links. It
// encrypts frames when it writes them. The records then wait in the link's outbox, before
// all frames, until the socket has taken them. The records that TLS itself has to send
// take the same way. So an idle link costs a tls.Conn and some 100 bytes, and no
// goroutine. Package records says what TLS keeps, and BenchmarkIdleTLS measures it.
//
// If TLS refuses a peer, the link closes, and its last bytes are the alert. After a
// goodbye, the last bytes are the record that ends our sending.
//
// # Descriptors
//
// When a descriptor is closed, its number may at once belong to another connection. So
// the epoll engine uses a link's descriptor only under the link's mu, or in a goroutine
// that has it pinned (poll.pins). The engine closes the descriptor under mu, once the
// link is closed and no goroutine has it pinned. An event from epoll carries the link's
// id beside the descriptor's number. The event counts only if that link still has the
// number. Closing a descriptor removes it from epoll only if it has no copies. So when a
// copy is made (finish.go), the descriptor is removed from epoll at once.
//
// # Reading
//
// A push parser decodes frames (the input types). It is called with the bytes that
// came, and never waits. It keeps a part of a frame until the rest has come. Between
// frames it keeps nothing, so all idle links share one value. Package ws reads and
// writes WebSocket. A link pushes back by not reading: it stops while its outbox is
// full or its owner holds it.
//
// # Writing
//
// A link has a queue of encoded frames, bounded in bytes. It writes them with as few
// system calls as possible. If the queue is full, the link lags. While it lags, frames
// that have a place in a log are not queued, and only the newest place of each log is
// kept. A NEWEST frame reports these places as soon as the socket takes bytes again. So
// the client learns of every dropped frame that has a place. Frames for a whole room
// are a Batch, which is encoded once for all links, and queued and written as one
// frame.
//
// An idle server writes at once. But a goroutine may be about to queue more, because it
// reads several frames, or because an owner has corked the server. Then the goroutine wakes a
// sleeping writer only after it has queued all frames. So one write takes all frames, and
// nothing waits for a clock.
//
// # Ending
//
// Close queues a goodbye after the waiting frames: a KICK frame, or a WebSocket close
// with the same code. A CIM client gets no goodbye, because it would show it to people.
// Then the link closes its sending half and reads on until the peer has closed too, for
// a bounded time. If a socket is closed with unread bytes, the peer may lose the
// goodbye.
//
// An owner may ask whether a peer that ended a connection had read everything
// (Handler.Ending). That is so if three things are true: the socket took everything, the
// peer's TCP has acknowledged it, and no reset comes within resetAfter of the end. The
// link keeps a copy of the socket for that time. A peer may read the last bytes and close
// the connection before the writing goroutine has recorded that the socket took them. So
// the outbox keeps the bytes of such a write until its result is known.
//
// # Time, goroutines, locks
//
// A link has no timer. Once a second a sweep checks all links for their time limits: of
// a login, of silence, of a stalled write, and of a goodbye. Server.Run owns the accept
// loop, the sweep, and the engine's goroutines, and returns when all have ended.
//
// A link's mu is taken while no other lock of this package is held. A goroutine that
// holds it calls no owner, and reads or writes no bytes. The epoll engine holds it while
// it changes what epoll watches, ends the sending half, or closes a descriptor. A loop's
// mu is taken while a link's mu is held. Handlers run on the goroutine that reads their
// link, and must not wait. With the epoll engine one goroutine reads many links.
package link
