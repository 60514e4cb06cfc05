package tcp

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto/wait"
)

// fdOf returns the descriptor of a connection, which stays open until the test ends.
func fdOf(t *testing.T, c *net.TCPConn) (fd int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(at uintptr) { fd = int(at) }); err != nil {
		t.Fatal(err)
	}
	return fd
}

// copyOf returns a copy of a connection's socket, which then is the only descriptor of it.
func copyOf(t *testing.T, c *net.TCPConn) Copy {
	t.Helper()
	kept := CopyOf(fdOf(t, c))
	if kept < 0 {
		t.Fatal("no copy")
	}
	t.Cleanup(kept.Close)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return kept
}

// awaitState waits until the socket is in a state of TCP.
func awaitState(t *testing.T, fd int, state uint8) {
	t.Helper()
	wait.Until(t, "the socket has another state", func() bool {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err == nil && info.State == state
	})
}

// progress waits until the socket has come as far as want.
func progress(t *testing.T, fd int, want Progress) {
	t.Helper()
	var got Progress
	wait.Until(t, "the socket has come as far as that", func() bool {
		var ok bool
		got, ok = ProgressOf(fd)
		return ok && got == want
	})
}

func TestProgressCountsWhatThePeerHas(t *testing.T) {
	ours, peer := pair(t)
	fd := fdOf(t, ours)
	progress(t, fd, Progress{})
	write(t, ours, []byte("hello"))
	progress(t, fd, Progress{Given: 5, Acked: 5}) // by its system: its process has read nothing
	write(t, peer, []byte("hi"))
	progress(t, fd, Progress{Given: 5, Acked: 5, Unread: true})
	readAll(t, ours, 2)
	progress(t, fd, Progress{Given: 5, Acked: 5})
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	progress(t, fd, Progress{Given: 5, Acked: 5, Unread: true})
	if _, ok := ProgressOf(-1); ok {
		t.Error("a descriptor that does not exist has come somewhere")
	}
}

// A peer that reads nothing acknowledges what its system has room for.
func TestProgressTellsTakenFromAcknowledged(t *testing.T) {
	ours, _ := pair(t)
	fd := fdOf(t, ours)
	given := fill(t, fd)
	wait.Until(t, "some bytes wait", func() bool {
		p, ok := ProgressOf(fd)
		return ok && p.Given == given && p.Acked > 0 && p.Acked < given
	})
}

// fill writes until the socket takes no more, and returns how many bytes it took.
func fill(t *testing.T, fd int) (given uint64) {
	t.Helper()
	b := make([]byte, 4*Chunk)
	for quiet := 0; quiet < 3; {
		n, err := TryWrite(fd, b)
		switch {
		case err == unix.EAGAIN:
			quiet++
		case err != nil:
			t.Fatal(err)
		default:
			given, quiet = given+uint64(n), 0
		}
	}
	return given
}

func TestCopyKeepsTheConnectionOpen(t *testing.T) {
	ours, peer := pair(t)
	kept := copyOf(t, ours)
	write(t, peer, []byte("x")) // a closed socket would answer it with a reset
	progress(t, int(kept), Progress{Unread: true})
	if n, err := TryWrite(int(kept), []byte("still here")); err != nil || n != 10 {
		t.Fatalf("wrote %d, %v", n, err)
	}
	readAll(t, peer, 10)
	Copy.Close(Unknown)
	Copy.Close(Piped)
	if CopyOf(-1) != Unknown {
		t.Error("a descriptor that does not exist has a copy")
	}
}

// Each case is one way in which a connection ends. HasRead is true only if the peer has
// read everything.
func TestHasRead(t *testing.T) {
	probe := []byte("are you there?")
	for name, c := range map[string]struct {
		goodbye bool // we end our sending first
		end     func(t *testing.T, kept Copy, peer *net.TCPConn)
		want    bool
	}{
		"it read all, and closed": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 5)
			_ = peer.Close()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE_WAIT)
		}, want: true},
		"it read all, and ended its sending only": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 5)
			_ = peer.CloseWrite()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE_WAIT)
		}},
		"it read nothing, and ended its sending only": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			_ = peer.CloseWrite()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE_WAIT)
		}},
		"it closed with unread bytes": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 4)
			_ = peer.Close()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
		}},
		"it ended its sending, and then closed with unread bytes": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			_ = peer.CloseWrite()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE_WAIT)
			_ = peer.Close()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
		}},
		"it reset the connection": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 5)
			reset(t, peer)
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
		}},
		"its system lacks some bytes": {end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			fill(t, int(kept))
			_ = peer.CloseWrite()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE_WAIT)
		}},
		"it is there": {end: func(t *testing.T, _ Copy, peer *net.TCPConn) { readAll(t, peer, 5) }},
		"it read our goodbye, and closed": {goodbye: true, end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			if all, err := io.ReadAll(peer); err != nil || len(all) != 5 {
				t.Fatalf("read %q, %v", all, err)
			}
			_ = peer.Close()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
		}, want: true},
		"it got our goodbye, and closed with unread bytes": {goodbye: true, end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 4)
			awaitState(t, int(kept), unix.BPF_TCP_FIN_WAIT2) // it has acknowledged everything, so only the reset tells
			_ = peer.Close()
			awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
		}},
		"it got our goodbye, and is there": {goodbye: true, end: func(t *testing.T, kept Copy, peer *net.TCPConn) {
			readAll(t, peer, 5)
			awaitState(t, int(kept), unix.BPF_TCP_FIN_WAIT2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, peer := pair(t)
			write(t, ours, []byte("hello"))
			if c.goodbye {
				if err := ours.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			kept := copyOf(t, ours)
			c.end(t, kept, peer)
			if got := kept.HasRead(c.goodbye, probe); got != c.want {
				t.Errorf("the peer has read everything: %v", got)
			}
		})
	}
}

// A connection that we have closed for sending, but not by a goodbye that counts, says
// nothing about the peer.
func TestClosedWithoutGoodbyeIsNotRead(t *testing.T) {
	ours, peer := pair(t)
	if err := ours.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	kept := copyOf(t, ours)
	_ = peer.Close()
	awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
	if kept.HasRead(false, []byte("probe")) {
		t.Error("it counts as read")
	}
}

// If a read was told of the reset, only the bytes that were not acknowledged show it.
func TestUnacknowledgedIsNotReadAfterTheResetWasReported(t *testing.T) {
	ours, peer := pair(t)
	fill(t, fdOf(t, ours))
	if err := ours.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	kept := copyOf(t, ours)
	_ = peer.Close()
	awaitState(t, int(kept), unix.BPF_TCP_CLOSE)
	if n, err := TryRead(int(kept), make([]byte, 1)); err != unix.ECONNRESET {
		t.Fatalf("read %d, %v", n, err)
	}
	if kept.HasRead(true, []byte("probe")) {
		t.Error("it counts as read")
	}
}
