package stream

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// writer writes the frames of many goroutines to one connection. At most one goroutine
// writes at a time. Others append their frames, which it writes next.
type writer struct {
	conn    net.Conn
	timeout time.Duration // of one write

	mu      sync.Mutex
	waiting []byte // frames that are not written yet
	spare   []byte // the other of two buffers; nil during a write
	writing bool   // a goroutine writes
	failed  bool
}

// send writes one frame. If another goroutine is writing, send only appends the frame
// and returns. Otherwise it blocks while it writes, including the frames that others
// append meanwhile. After a failed write the connection is closed, so that its reader
// ends.
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

// write writes b. If that fails, it closes the connection, because only a part of a
// frame may be written.
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
