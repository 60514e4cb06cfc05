package link

import (
	"sync"

	"github.com/cim-go/cim/proto"
)

// queue holds encoded frames that wait to be written, first in, first out. It
// comes from a pool and goes back when it is empty, so that an idle link has
// none.
type queue struct {
	frames [][]byte
	head   int // index of the first frame that waits
	done   int // bytes of that frame that were taken
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// maxPooled is the longest queue, in frames, that goes back to the pool: one
// long backlog must not stay with us for ever.
const maxPooled = 1024

func (q *queue) push(b []byte) { q.frames = append(q.frames, b) }

// pushNext puts b before every frame of which nothing was taken yet.
func (q *queue) pushNext(b []byte) {
	i := q.head
	if q.done > 0 {
		i++
	}
	q.frames = append(q.frames, nil)
	copy(q.frames[i+1:], q.frames[i:])
	q.frames[i] = b
}

// fill moves bytes from the queue to the end of dst, up to its capacity.
func (q *queue) fill(dst []byte) []byte {
	for q.head < len(q.frames) && len(dst) < cap(dst) {
		frame := q.frames[q.head][q.done:]
		n := min(len(frame), cap(dst)-len(dst))
		dst = append(dst, frame[:n]...)
		if n < len(frame) {
			q.done += n
			return dst
		}
		q.frames[q.head] = nil
		q.head, q.done = q.head+1, 0
	}
	return dst
}

func (q *queue) empty() bool { return q.head == len(q.frames) }

// release gives an empty queue back.
func (q *queue) release() {
	if cap(q.frames) > maxPooled {
		return
	}
	q.frames, q.head, q.done = q.frames[:0], 0, 0
	queues.Put(q)
}

// outbox is what a link has to write. Guarded by the link's mu.
type outbox struct {
	waiting *queue // nil while nothing waits
	bytes   int    // not yet taken by the socket, also those being written
	limit   int    // of bytes

	writing bool  // a writer goroutine exists
	since   int64 // when the write in progress began, in the sweep's ms; 0: none

	lagging bool          // bytes went over limit and are not yet down to half of it
	newest  []*proto.Mark // places that were not queued, newest of each log
}

func (o *outbox) add(b []byte) {
	if o.waiting == nil {
		o.waiting = queues.Get().(*queue)
	}
	o.waiting.push(b)
	o.bytes += len(b)
}

// takes reports whether size more bytes of what a client can fetch later still
// fit, and begins to lag if not.
func (o *outbox) takes(size int) bool {
	if o.lagging {
		return false
	}
	if o.bytes > 0 && o.bytes+size > o.limit {
		o.lagging = true
		return false
	}
	return true
}

// full reports whether the link must not read on: what it reads may have to be
// answered. The owner's answers are queued whatever their size.
func (o *outbox) full() bool { return o.lagging || o.bytes > o.limit }

// next moves what goes out next to the end of dst, up to its capacity; nothing
// means that nothing waits. What the peer has to know of the places it was not
// told goes first.
func (o *outbox) next(dst []byte, as form) []byte {
	if len(o.newest) > 0 {
		o.sayNewest(as)
	}
	if o.waiting == nil {
		return dst
	}
	dst = o.waiting.fill(dst)
	if o.waiting.empty() {
		o.waiting.release()
		o.waiting = nil
	}
	return dst
}

func (o *outbox) sayNewest(as form) {
	b, err := encode(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: o.newest}, as)
	o.newest = nil
	if err != nil {
		return // a key that is not UTF-8 cannot have been decoded in the first place
	}
	if o.waiting == nil {
		o.waiting = queues.Get().(*queue)
	}
	o.waiting.pushNext(b)
	o.bytes += len(b)
}

// wrote notes that the socket took n bytes.
func (o *outbox) wrote(n int) {
	o.bytes = max(0, o.bytes-n) // drop may have come between
	if o.bytes <= o.limit/2 {
		o.lagging = false
	}
}

// drop forgets what waits.
func (o *outbox) drop() {
	o.waiting, o.newest, o.bytes = nil, nil, 0
}
