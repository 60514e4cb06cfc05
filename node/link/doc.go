// Package link is one connection of a client: it reads frames, writes frames,
// and pushes back. It knows frames, not users.
//
// TCP, WebSocket and TLS share one port; the first bytes tell them apart (see
// sniff.go). Whatever carries them, the owner of a link sees decoded frames in
// and hands packets out.
//
// # Reading
//
// Decoding is a push parser over bytes (the input types): it is fed what came
// and never waits, so the goroutine that feeds it can be replaced by an event
// loop. Today each link has one goroutine, which ends the link when it ends. It
// holds no buffer while it waits: on a plain socket one is taken when bytes are
// there. Not reading is how a link pushes back: it stops while its outbox is
// full or its owner holds it.
//
// # Writing
//
// A link has a queue of encoded frames, bounded in bytes. A writer goroutine
// exists only while something waits, and what waits goes out in as few system
// calls as it takes. A full queue makes the link lag: frames that have a place
// in a log are not queued, only the newest place of each log is kept, and a
// NEWEST frame says so as soon as the socket takes bytes again. Nothing that is
// numbered is dropped without that.
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
// accept loop, the sweep, and every link's goroutines, and returns when all have
// ended. A link's mu is taken with no other lock of this package held, nothing
// is written and nobody is called under it.
package link
