package tcp

import (
	"time"

	"golang.org/x/sys/unix"
)

// ProgressOf returns how far a socket has come, or false if that is not known. It reads
// the acknowledged bytes last. So the count of bytes that the socket has taken may be too
// high, but is never too low.
func ProgressOf(fd int) (Progress, bool) {
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
	return Progress{Given: info.Bytes_acked + uint64(waits), Acked: info.Bytes_acked, Unread: unread > 0 || info.State == unix.BPF_TCP_CLOSE_WAIT}, true
}

// CopyOf returns a copy of a descriptor, or Unknown.
func CopyOf(fd int) Copy {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return Unknown
	}
	return Copy(again)
}

// Close closes the copy. It does nothing for Unknown and Piped.
func (c Copy) Close() {
	if c >= 0 {
		_ = unix.Close(int(c))
	}
}

// HasRead reports whether the peer, which has ended its sending, has read everything that
// it was sent. This is so if the peer's TCP has acknowledged everything and the peer did
// not reset the connection. Linux and other systems reset a connection when its socket is
// closed with unread bytes, or its process is killed.
//
// A peer that did not get our goodbye before it ended its sending may not have closed its
// socket yet, and may still reset the connection. So HasRead sends it the bytes in probe,
// and waits for the answer, for answerIn at most. The system of a peer that has closed
// its socket answers with a reset. If the peer's program stands still before it closes
// the socket, its system acknowledges the bytes instead. The result is then false.
func (c Copy) HasRead(saidGoodbye bool, probe []byte) bool {
	failed, err := unix.GetsockoptInt(int(c), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || failed != 0 {
		return false
	}
	info, all := c.state()
	switch {
	case !all:
		return false
	case info.State == unix.BPF_TCP_CLOSE_WAIT:
		return c.isClosed(info, probe)
	}
	return saidGoodbye && info.State == unix.BPF_TCP_CLOSE
}

// isClosed reports whether the peer has closed its socket, see HasRead. The parameter
// before is the state of the connection.
func (c Copy) isClosed(before unix.TCPInfo, probe []byte) bool {
	if n, err := unix.SendmsgN(int(c), probe, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err != nil || n != len(probe) {
		return false
	}
	for end := time.Now().Add(answerIn); time.Now().Before(end); time.Sleep(answerEvery) {
		info, _ := c.state()
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
func (c Copy) state() (info unix.TCPInfo, all bool) {
	waits, err := unix.IoctlGetInt(int(c), unix.SIOCOUTQ)
	if err != nil {
		return info, false
	}
	known, err := unix.GetsockoptTCPInfo(int(c), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return info, false
	}
	return *known, waits == 0
}
