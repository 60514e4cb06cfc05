package link

import (
	"slices"
	"sync"

	"github.com/cim-go/cim/proto"
)

// queue holds encoded frames that wait to be written, first in, first out, and the state
// of their writing. It comes from a pool and goes back when it is empty, so that an idle
// link has none.
type queue struct {
	frames [][]byte
	head   int // index of the first frame that waits
	done   int // bytes of that frame that were taken
	urgent int // index behind the last frame that was put before others

	newest []*proto.Mark // places that were not queued, newest of each log
	bytes  int           // that wait
	limit  int           // of bytes

	since   int64 // when the first of the next chunk bytes was to be written, in the sweep's ms; 0: nothing is
	taken   int32 // how many the socket took of them
	lagging bool  // bytes went over limit and are not yet down to half of it
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// maxPooled is the longest queue, in frames, that goes back to the pool. A longer one is
// freed, so that one long backlog does not keep its memory for ever.
const maxPooled = 1024

func (q *queue) push(b []byte) {
	if q.head > 0 && len(q.frames) == cap(q.frames) {
		q.shift()
	}
	q.frames = append(q.frames, b)
}

// shift moves the waiting frames to the front, so that a queue that never gets empty does
// not grow.
func (q *queue) shift() {
	n := copy(q.frames, q.frames[q.head:])
	clear(q.frames[n:])
	q.frames, q.urgent, q.head = q.frames[:n], max(0, q.urgent-q.head), 0
}

// pushNext puts b before every frame of which nothing was taken yet, but after those that
// pushNext put there before.
func (q *queue) pushNext(b []byte) {
	i := q.head
	if q.done > 0 {
		i++
	}
	i = max(i, q.urgent)
	q.frames = slices.Insert(q.frames, i, b)
	q.urgent = i + 1
}

// peek returns the bytes to write next, up to the capacity of dst, which is empty. It
// copies them into dst. But if they are all of one frame, it returns a part of that
// frame.
func (q *queue) peek(dst []byte) []byte {
	done := q.done
	if first := q.frames[q.head][done:]; len(q.frames) == q.head+1 || len(first) >= cap(dst) {
		return first[:min(len(first), cap(dst))]
	}
	for _, frame := range q.frames[q.head:] {
		frame = frame[done:]
		done = 0
		n := min(len(frame), cap(dst)-len(dst))
		dst = append(dst, frame[:n]...)
		if n < len(frame) {
			break
		}
	}
	return dst
}

// take removes the next n bytes.
func (q *queue) take(n int) {
	for n > 0 {
		left := len(q.frames[q.head]) - q.done
		if n < left {
			q.done += n
			return
		}
		n -= left
		q.frames[q.head] = nil
		q.head, q.done = q.head+1, 0
	}
}

func (q *queue) empty() bool { return q.head == len(q.frames) }

// release returns an empty queue to the pool.
func (q *queue) release() {
	if cap(q.frames) > maxPooled {
		return
	}
	*q = queue{frames: q.frames[:0]}
	queues.Put(q)
}

// outbox has what a link has to write. The link's mu guards it.
type outbox struct {
	waiting *queue // nil while nothing waits
}

// add queues b. limit is the outbox's bound in bytes, and is the same in all calls for
// a link.
func (o *outbox) add(b []byte, limit int) {
	if o.waiting == nil {
		o.waiting = queues.Get().(*queue)
		o.waiting.limit = limit
	}
	o.waiting.push(b)
	o.waiting.bytes += len(b)
}

// takes reports whether size more bytes fit, of frames that a client can fetch later. If
// they do not fit, the outbox begins to lag.
func (o *outbox) takes(size int) bool {
	q := o.waiting
	if q == nil {
		return true
	}
	if q.bytes > 0 && q.bytes+size > q.limit {
		q.lagging = true
	}
	return !q.lagging
}

// fits reports whether size more bytes fit at once. Unlike takes, it never allows more
// than the limit, and the outbox does not begin to lag.
func (o *outbox) fits(size, limit int) bool {
	q := o.waiting
	if q == nil {
		return size <= limit
	}
	return !q.lagging && q.bytes+size <= q.limit
}

// missed records the place of a frame that takes refused. So an outbox that missed one is
// not empty.
func (o *outbox) missed(mark *proto.Mark) { o.waiting.newest = Raise(o.waiting.newest, mark) }

// full reports whether the link must stop reading, because its owner may have to answer
// what it reads. The owner's answers are queued whatever their size.
func (o *outbox) full() bool {
	return o.waiting != nil && (o.waiting.lagging || o.waiting.bytes > o.waiting.limit)
}

// lagging reports whether takes refuses frames because of those that waited before.
func (o *outbox) lagging() bool { return o.waiting != nil && o.waiting.lagging }

// bytes returns how many wait.
func (o *outbox) bytes() int {
	if o.waiting == nil {
		return 0
	}
	return o.waiting.bytes
}

// next returns the bytes to write next, up to the capacity of dst. dst is empty, and the
// result may be in it. If nothing waits, the result is empty. A NEWEST frame for missed
// places goes first. The caller must not change the bytes, and reports with wrote how
// many the socket took. The time is in the sweep's ms.
func (o *outbox) next(dst []byte, as form, now int64) []byte {
	q := o.waiting
	if q == nil {
		return dst
	}
	if len(q.newest) > 0 {
		q.sayNewest(as)
	}
	b := q.peek(dst)
	if len(b) > 0 && q.since == 0 {
		q.since = max(1, now) // zero means none
	}
	return b
}

func (q *queue) sayNewest(as form) {
	b, err := encode(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: q.newest}, as)
	q.newest = nil
	if err != nil {
		return // a key that is not UTF-8 cannot have been decoded in the first place
	}
	q.pushNext(b)
	q.bytes += len(b)
}

// idle reports whether next would return nothing.
func (o *outbox) idle() bool { return o.waiting == nil }

// wrote records that the socket took n of the bytes that next returned. A socket that
// took them all does not stall, even if they were few.
func (o *outbox) wrote(n, of int) {
	q := o.waiting
	if q == nil {
		return // drop came between
	}
	q.take(n)
	q.bytes -= n
	q.taken += int32(n)
	if n == of || q.taken >= chunk {
		q.since, q.taken = 0, 0
	}
	if q.bytes <= q.limit/2 {
		q.lagging = false
	}
	if q.empty() && len(q.newest) == 0 {
		q.release()
		o.waiting = nil
	}
}

// stalled returns the time at which the unfinished write began, in the sweep's ms, or 0
// if there is none.
func (o *outbox) stalled() int64 {
	if o.waiting == nil {
		return 0
	}
	return o.waiting.since
}

// forgive makes now the beginning of a write that is not done.
func (o *outbox) forgive(now int64) {
	if o.stalled() > 0 {
		o.waiting.since = now
	}
}

// drop forgets what waits.
func (o *outbox) drop() { o.waiting = nil }
