// Package outbox has the bytes that a link has to write: a bounded queue of encoded frames,
// and the places of the frames that did not fit.
package outbox

import (
	"slices"
	"sync"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// queue holds encoded frames that wait to be written, first in, first out, and the state
// of their writing. It comes from a pool and goes back there when it is empty, so an idle
// link has none.
type queue struct {
	frames [][]byte
	head   int // index of the first frame that waits
	done   int // how many bytes of that frame the socket has taken
	urgent int // index after the last frame that pushNext put before others

	sealed []byte           // sealed bytes (TLS records), which are written before all frames
	room   *[tcp.Chunk]byte // comes from tcp.Chunks, and sealed begins in it; nil: nothing is sealed

	newest []*proto.Mark // the newest places of frames that were not queued, one place for each log
	bytes  int           // how many bytes wait
	limit  int           // how many bytes may wait

	since   int64 // when the write of the next chunk began, in ms of the sweep's clock; 0: nothing is being written
	taken   int32 // how many bytes of that chunk the socket has taken
	offered int32 // how many bytes Next returned, until Wrote is called; 0: nobody is writing
	lagging bool  // the waiting bytes exceeded limit, and have not fallen to half of it since
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

// peek returns the bytes to write next, up to the capacity of dst. If all of them belong
// to one frame, it returns a slice of that frame. Otherwise it copies them into dst,
// which is empty.
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

func (q *queue) empty() bool { return q.head == len(q.frames) && len(q.sealed) == 0 }

// takeSealed removes the first n of the sealed bytes.
func (q *queue) takeSealed(n int) {
	if q.sealed = q.sealed[n:]; len(q.sealed) == 0 {
		tcp.Chunks.Put(q.room)
		q.sealed, q.room = nil, nil
	}
}

// release returns an empty queue to the pool.
func (q *queue) release() {
	if cap(q.frames) > maxPooled {
		return
	}
	*q = queue{frames: q.frames[:0]}
	queues.Put(q)
}

// Outbox has the bytes that a link has to write. The caller's lock guards it.
type Outbox struct {
	waiting *queue // nil while nothing waits
}

// Add queues b. The parameter limit is the outbox's bound in bytes, and is the same in
// all calls for a link.
func (o *Outbox) Add(b []byte, limit int) {
	o.begin(limit)
	o.waiting.push(b)
	o.waiting.bytes += len(b)
}

func (o *Outbox) begin(limit int) {
	if o.waiting == nil {
		o.waiting = queues.Get().(*queue)
		o.waiting.limit = limit
	}
}

// AddSealed copies the sealed bytes b, and queues them before all frames, but after
// earlier sealed bytes.
func (o *Outbox) AddSealed(b []byte, limit int) {
	o.begin(limit)
	q := o.waiting
	if q.room == nil {
		q.room = tcp.Chunks.Get().(*[tcp.Chunk]byte)
		q.sealed = q.room[:0]
	}
	q.sealed = append(q.sealed, b...)
	q.bytes += len(b)
}

// Sealed reports whether Next returns sealed bytes and not frames.
func (o *Outbox) Sealed() bool { return o.waiting != nil && len(o.waiting.sealed) > 0 }

// Took removes the frames that Next returned. The caller has sealed them.
func (o *Outbox) Took() {
	if q := o.waiting; q != nil { // if offered is 0, Drop was called meanwhile
		q.take(int(q.offered))
		q.bytes -= int(q.offered)
		q.offered = 0
	}
}

// Takes is for frames that a client can fetch later. It reports whether size more bytes
// fit. If they do not fit, the outbox begins to lag.
func (o *Outbox) Takes(size int) bool {
	q := o.waiting
	if q == nil {
		return true
	}
	if q.bytes > 0 && q.bytes+size > q.limit {
		q.lagging = true
	}
	return !q.lagging
}

// Fits reports whether size more bytes fit at once. Unlike Takes, it never allows more
// than the limit, and the outbox does not begin to lag.
func (o *Outbox) Fits(size, limit int) bool {
	q := o.waiting
	if q == nil {
		return size <= limit
	}
	return !q.lagging && q.bytes+size <= q.limit
}

// Missed records the place of a frame for which Takes returned false. The outbox is not
// idle then.
func (o *Outbox) Missed(mark *proto.Mark) { o.waiting.newest = proto.Raise(o.waiting.newest, mark) }

// Full reports whether the link must stop reading. The owner answers what the link reads,
// and these answers are queued whatever their size. If the link read on, the outbox could
// grow without a bound.
func (o *Outbox) Full() bool {
	return o.waiting != nil && (o.waiting.lagging || o.waiting.bytes > o.waiting.limit)
}

// Lagging reports whether the outbox lags. While it does, the method Takes returns false
// for every size.
func (o *Outbox) Lagging() bool { return o.waiting != nil && o.waiting.lagging }

// Bytes returns how many bytes wait.
func (o *Outbox) Bytes() int {
	if o.waiting == nil {
		return 0
	}
	return o.waiting.bytes
}

// Next returns the bytes to write next. If there are sealed bytes, it returns all of
// them. Otherwise it returns frames, up to the capacity of dst. The slice dst is empty,
// and the result may use its memory. If nothing waits, the result is empty. The caller
// must not change the bytes, and must call Wrote afterwards, or Took if it seals them.
// The parameter now is in ms of the sweep's clock.
func (o *Outbox) Next(dst []byte, now int64) []byte {
	q := o.waiting
	if q == nil || q.empty() {
		return dst
	}
	b := q.sealed
	if len(b) == 0 {
		b = q.peek(dst)
	}
	if len(b) > 0 && q.since == 0 {
		q.since = max(1, now) // zero means none
	}
	q.offered = int32(len(b))
	return b
}

// TakeMissed returns the newest places of the frames that Takes refused, one place for
// each log. It forgets these places. The caller puts them into a frame for the peer, and
// passes the frame to PushNext.
func (o *Outbox) TakeMissed() []*proto.Mark {
	if o.waiting == nil {
		return nil
	}
	marks := o.waiting.newest
	o.waiting.newest = nil
	return marks
}

// PushNext puts b before every frame whose writing has not begun, whatever its size. The
// outbox is not idle.
func (o *Outbox) PushNext(b []byte) {
	o.waiting.pushNext(b)
	o.waiting.bytes += len(b)
}

// Idle reports whether Next would return nothing.
func (o *Outbox) Idle() bool { return o.waiting == nil }

// Wrote records that the socket took n of the bytes that Next had returned. If the socket
// took all of them, the write is not stalled, even if they were few.
func (o *Outbox) Wrote(n int) {
	q := o.waiting
	if q == nil || q.offered == 0 {
		return // Drop was called meanwhile, and perhaps Add afterwards
	}
	offered := int(q.offered)
	q.offered = 0
	if len(q.sealed) > 0 {
		q.takeSealed(n)
	} else {
		q.take(n)
	}
	q.bytes -= n
	q.taken += int32(n)
	if n == offered || q.taken >= tcp.Chunk {
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

// Stalled returns the time at which the unfinished write began, in ms of the sweep's
// clock. It returns 0 if there is none.
func (o *Outbox) Stalled() int64 {
	if o.waiting == nil {
		return 0
	}
	return o.waiting.since
}

// Forgive restarts the time limit of an unfinished write.
func (o *Outbox) Forgive(now int64) {
	if o.Stalled() > 0 {
		o.waiting.since = now
	}
}

// Drop discards everything that waits.
func (o *Outbox) Drop() { o.waiting = nil }

// Stop is called when no more writes begin. If all the bytes that wait are in one write
// that is under way, Stop keeps them. Wrote will then show whether the socket took them.
// Otherwise Stop discards what waits. It reports whether it discarded nothing.
func (o *Outbox) Stop() (whole bool) {
	q := o.waiting
	if q == nil || int(q.offered) == q.bytes && len(q.newest) == 0 {
		return true
	}
	o.Drop()
	return false
}
