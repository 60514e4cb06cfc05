package link

import (
	"time"

	"golang.org/x/sys/unix"
)

// progressOf reads the acknowledged bytes last. So the count of bytes that the socket
// has taken may be too high, but is never too low.
func progressOf(fd int) (Progress, bool) {
	unread, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	if err != nil {
		return Progress{}, false
	}
	waits, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return Progress{}, false
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return Progress{}, false
	}
	return Progress{Given: info.Bytes_acked + uint64(waits), Acked: info.Bytes_acked, Unread: unread > 0}, true
}

func copied(fd int) socket {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return unknown
	}
	return socket(again)
}

func (s socket) close() {
	if s >= 0 {
		_ = unix.Close(int(s))
	}
}

// hasRead reports whether the peer, which has ended its sending, has read everything
// that it was sent. It has, if its TCP has acknowledged everything and it did not reset
// the connection. Linux and other systems reset a connection when its socket is closed
// with unread bytes, or its process is killed. If the peer got our goodbye before it
// ended its sending, that is sure. Any other peer may not have closed its socket yet,
// and may still reset the connection. For such a peer, sure is false.
func (s socket) hasRead(saidGoodbye bool) (read, sure bool) {
	failed, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || failed != 0 {
		return false, true
	}
	info, all := s.state()
	switch {
	case !all:
		return false, true
	case info.State == unix.BPF_TCP_CLOSE_WAIT:
		return true, false
	}
	return saidGoodbye && info.State == unix.BPF_TCP_CLOSE, true
}

// isClosed reports whether the peer, which has ended its sending, has closed its socket.
// isClosed sends it bytes and waits for the answer, for answerIn at most. If the socket
// is closed, the peer's system answers with a reset. If the program stands still before
// it closes the socket, its system acknowledges the bytes.
func (s socket) isClosed(bytes []byte) bool {
	before, all := s.state()
	if !all || before.State != unix.BPF_TCP_CLOSE_WAIT {
		return false
	}
	if n, err := unix.SendmsgN(int(s), bytes, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err != nil || n != len(bytes) {
		return false
	}
	for end := time.Now().Add(answerIn); time.Now().Before(end); time.Sleep(answerEvery) {
		info, _ := s.state()
		switch {
		case info.Bytes_acked != before.Bytes_acked: // the socket was open then; it may have been closed since
			return false
		case info.State != unix.BPF_TCP_CLOSE_WAIT:
			return info.State == unix.BPF_TCP_CLOSE
		}
	}
	return false
}

// state returns the connection's state, and whether the peer's TCP has acknowledged
// everything.
func (s socket) state() (info unix.TCPInfo, all bool) {
	waits, err := unix.IoctlGetInt(int(s), unix.SIOCOUTQ)
	if err != nil {
		return info, false
	}
	known, err := unix.GetsockoptTCPInfo(int(s), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return info, false
	}
	return *known, waits == 0
}
