package tcp

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto/wait"
)

func TestTryReadNeverBlocks(t *testing.T) {
	ours, peer := pair(t)
	fd := fdOf(t, ours)
	b := make([]byte, 10)
	if n, err := TryRead(fd, b); n != 0 || err != unix.EAGAIN {
		t.Errorf("nothing came: %d, %v", n, err)
	}
	write(t, peer, []byte("hello"))
	wait.Until(t, "bytes come", func() bool {
		n, err := TryRead(fd, b[:3])
		return n == 3 && err == nil
	})
	if n, err := TryRead(fd, b); n != 2 || err != nil || string(b[:n]) != "lo" {
		t.Errorf("the rest: %q, %v", b[:max(n, 0)], err)
	}
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, fd, unix.BPF_TCP_CLOSE_WAIT)
	for range 2 {
		if n, err := TryRead(fd, b); n != 0 || err != nil {
			t.Errorf("the peer has ended its sending: %d, %v", n, err)
		}
	}
}

// A reset is reported once, to a read or to a write. After it, a write fails with EPIPE.
func TestTryReportsAReset(t *testing.T) {
	ours, peer := pair(t)
	fd := fdOf(t, ours)
	reset(t, peer)
	awaitState(t, fd, unix.BPF_TCP_CLOSE)
	if n, err := TryRead(fd, make([]byte, 10)); n != 0 || err != unix.ECONNRESET {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := TryWrite(fd, []byte("x")); n != 0 || err != unix.EPIPE {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestTryWriteTakesWhatThereIsRoomFor(t *testing.T) {
	ours, peer := pair(t)
	fd := fdOf(t, ours)
	given := fill(t, fd)
	if n, err := TryWrite(fd, []byte("x")); n != 0 || err != unix.EAGAIN {
		t.Errorf("there was no room: %d, %v", n, err)
	}
	readAll(t, peer, int(given))
	wait.Until(t, "there is room again", func() bool {
		n, err := TryWrite(fd, []byte("x"))
		return n == 1 && err == nil
	})
	readAll(t, peer, 1)
}

func TestTryWaitSeesReadyDescriptors(t *testing.T) {
	ours, peer := pair(t)
	fd := fdOf(t, ours)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(poll) })
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 7}); err != nil {
		t.Fatal(err)
	}
	events := make([]unix.EpollEvent, 4)
	if n, err := TryWait(poll, events); n != 0 || err != nil {
		t.Errorf("nothing is ready: %d, %v", n, err)
	}
	write(t, peer, []byte("x"))
	wait.Until(t, "the socket is ready", func() bool {
		n, err := TryWait(poll, events)
		return err == nil && n == 1 && events[0].Fd == 7 && events[0].Events&unix.EPOLLIN != 0
	})
	if _, err := TryWait(-1, events); err == nil {
		t.Error("a descriptor that does not exist was waited for")
	}
}
