package link

import (
	"slices"
	"sync"

	"github.com/cim-go/cim/proto"
)

// queue holds encoded frames that wait to be written, first in, first out, and the state
// of their writing. It comes from a pool and goes back there when it is empty, so an
// idle link has none.
type queue struct {
	frames [][]byte
	head   int // index of the first frame that waits
	done   int // how many bytes of that frame the socket has taken
	urgent int // index after the last frame that pushNext put before others

	newest []*proto.Mark // the newest places of frames that were not queued, one of each log
	bytes  int           // how many bytes wait
	limit  int           // how many bytes may wait

	since   int64 // when the write of the next chunk began, in the sweep's ms; 0: nothing is being written
	taken   int32 // how many bytes of that chunk the socket has taken
	lagging bool  // bytes exceeded limit, and are not down to half of it yet
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

// shift moves the waiting frames to the front of the slice, so that the slice of a
// queue that is never empty does not grow.
func (q *queue) shift() {
	n := copy(q.frames, q.frames[q.head:])
	clear(q.frames[n:])
	q.frames, q.urgent, q.head = q.frames[:n], max(0, q.urgent-q.head), 0
}

// pushNext puts b before every frame whose writing has not begun, but after the frames
// that pushNext put there before.
func (q *queue) pushNext(b []byte) {
	i := q.head
	if q.done > 0 {
		i++
	}
	i = max(i, q.urgent)
	q.frames = slices.Insert(q.frames, i, b)
	q.urgent = i + 1
}

// peek returns the bytes to write next, at most as many as dst has capacity. If all of
// them belong to one frame, it returns a slice of that frame. Otherwise it copies them
// into dst, which is empty.
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

// take removes the first n bytes of the queue.
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

// outbox has the bytes that a link has to write. The link's mu guards it.
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

// takes is for frames that a client can fetch later. It reports whether size more bytes
// fit. If they do not fit, the outbox begins to lag.
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

// missed records the place of a frame for which takes returned false. An outbox that
// missed a place is not idle.
func (o *outbox) missed(mark *proto.Mark) { o.waiting.newest = proto.Raise(o.waiting.newest, mark) }

// full reports whether the link must stop reading, because its owner may have to answer
// what it reads. The owner's answers are queued whatever their size.
func (o *outbox) full() bool {
	return o.waiting != nil && (o.waiting.lagging || o.waiting.bytes > o.waiting.limit)
}

// lagging reports whether the outbox lags. While it does, the method takes returns false
// for every size.
func (o *outbox) lagging() bool { return o.waiting != nil && o.waiting.lagging }

// bytes returns how many bytes wait.
func (o *outbox) bytes() int {
	if o.waiting == nil {
		return 0
	}
	return o.waiting.bytes
}

// next returns the bytes to write next, at most as many as dst has capacity. dst is
// empty, and the result may use its memory. If nothing waits, the result is empty. A
// NEWEST frame for missed places goes first. The caller must not change the bytes, and
// must call wrote afterwards. now is in the sweep's ms.
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
		return // it cannot happen: only a key that is not UTF-8 fails, and such a key cannot be decoded
	}
	q.pushNext(b)
	q.bytes += len(b)
}

// idle reports whether next would return nothing.
func (o *outbox) idle() bool { return o.waiting == nil }

// wrote records that the socket took n of the offered bytes, which next had returned. If
// it took all of them, it is not stalled, even if they were few.
func (o *outbox) wrote(n, offered int) {
	q := o.waiting
	if q == nil {
		return // drop was called meanwhile
	}
	q.take(n)
	q.bytes -= n
	q.taken += int32(n)
	if n == offered || q.taken >= chunk {
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

// forgive restarts the time limit of an unfinished write.
func (o *outbox) forgive(now int64) {
	if o.stalled() > 0 {
		o.waiting.since = now
	}
}

// drop discards everything that waits.
func (o *outbox) drop() { o.waiting = nil }
