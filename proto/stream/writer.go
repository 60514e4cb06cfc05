package stream

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// writer writes the frames of many goroutines to one connection. Whoever finds
// nobody writing writes, and takes along what others leave meanwhile.
type writer struct {
	conn    net.Conn
	timeout time.Duration // of one write

	mu      sync.Mutex
	waiting []byte
	spare   []byte // the other of two buffers, while nobody writes
	writing bool
	failed  bool
}

// send writes one frame, or leaves it to who writes at the moment. After a failure
// the connection is closed, which its reader notices.
func (w *writer) send(head, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed {
		return
	}
	w.waiting = binary.AppendUvarint(w.waiting, uint64(len(head)+len(body)))
	w.waiting = append(append(w.waiting, head...), body...)
	if w.writing {
		return
	}
	w.writing = true
	for len(w.waiting) > 0 && !w.failed {
		out := w.waiting
		w.waiting, w.spare = w.spare[:0], nil
		w.mu.Unlock()
		err := w.write(out)
		w.mu.Lock()
		w.failed = w.failed || err != nil
		if cap(out) <= maxPooled {
			w.spare = out
		}
	}
	w.writing = false
}

// write closes the connection when it fails: part of a frame may be out.
func (w *writer) write(b []byte) error {
	err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
	if err == nil {
		_, err = w.conn.Write(b)
	}
	if err != nil {
		_ = w.conn.Close()
	}
	return err
}
