package link

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
)

// A reader that is too slow for the pushes costs bounded memory. Before it gets the
// rest of the waiting frames, it learns of everything that was not sent to it.
func TestSlowReaderIsToldTheNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 40 << 10
		w := inMemory(t, Config{OutboxBytes: limit})
		conn, r := w.login(t, ourLogin)
		text := strings.Repeat("x", 1000)
		for n := range int64(1000) {
			r.link.Send(NewPacket(message(n+1, text)))
			if n == 0 {
				synctest.Wait() // the writer is within its first write
			}
		}
		if queued := r.link.Queued(); queued > limit {
			t.Errorf("%d bytes wait, the limit is %d", queued, limit)
		}
		last, told := int64(0), int64(0)
		for told == 0 {
			f := read(t, conn)
			if f.Cmd == proto.Command_NEWEST {
				told = f.Newest[0].Number
				break
			}
			if f.At.Number != last+1 {
				t.Fatalf("got message %d after %d", f.At.Number, last)
			}
			last++
		}
		if told != 1000 {
			t.Errorf("told %d as the newest, want 1000", told)
		}
		if waits := r.link.Queued(); waits < limit/4 {
			t.Errorf("NEWEST came when only %d bytes were left", waits)
		}
		for synctest.Wait(); r.link.Queued() > 0; synctest.Wait() {
			if f := read(t, conn); f.At.GetNumber() != last+1 {
				t.Fatalf("got %v after message %d", f.Cmd, last)
			}
			last++
		}
		r.link.Send(NewPacket(message(1001, "a reader that has caught up is pushed to again")))
		if f := read(t, conn); f.At.GetNumber() != 1001 {
			t.Errorf("got %v", f)
		}
	})
}

// For every number in every log, the reader got the message or, in its place, a NEWEST
// that reports it. That holds for any input and any speed of reading.
func TestNothingNumberedIsDroppedSilently(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { readAtRandom(t, seed) }) })
	}
}

func readAtRandom(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	w := inMemory(t, Config{OutboxBytes: 5000})
	conn, r := w.login(t, ourLogin)
	const logs, count = 3, 300
	var sent, got, told [logs]int64
	pushed := 0
	take := func() {
		f := read(t, conn)
		for _, mark := range f.Newest {
			told[mark.Log] = max(told[mark.Log], mark.Number)
		}
		if f.Cmd != proto.Command_MESSAGE {
			return
		}
		log, number := f.At.Log, f.At.Number
		if number <= got[log] {
			t.Fatalf("message %d of log %d after %d", number, log, got[log])
		}
		got[log] = number
		pushed++
	}
	next := func() *Packet {
		log := random.Int64N(logs)
		sent[log]++
		f := message(sent[log], strings.Repeat("x", random.IntN(1000)))
		f.At.Log = log
		return NewPacket(f)
	}
	for left := count; left > 0; {
		packets := make([]*Packet, min(left, 1+random.IntN(4)))
		left -= len(packets)
		for i := range packets {
			packets[i] = next()
		}
		if random.IntN(2) == 0 {
			r.link.SendAll(NewBatch(packets))
		} else {
			for _, p := range packets {
				r.link.Send(p)
			}
		}
		synctest.Wait()
		for random.IntN(3) == 0 && r.link.Queued() > 0 {
			take()
			synctest.Wait()
		}
	}
	for ; r.link.Queued() > 0; synctest.Wait() {
		take()
	}
	for log := range sent {
		if max(got[log], told[log]) != sent[log] {
			t.Errorf("log %d has %d messages; got %d, told of %d", log, sent[log], got[log], told[log])
		}
	}
	if n := int(testutil.ToFloat64(w.server.metrics.drops[dropLagging])); n != count-pushed || n == 0 {
		t.Errorf("%d of %d messages were pushed, %d are counted as not", pushed, count, n)
	}
}

func TestOfferRefusesWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{OutboxBytes: 10 << 10})
		conn, r := w.login(t, cimLogin)
		p := NewPacket(&proto.Frame{Cmd: proto.Command_OFFLINE, ReqMsg: strings.Repeat("x", 1000)})
		taken := 0
		for r.link.Offer(p) {
			taken++
		}
		if taken < 5 || taken > 10 {
			t.Errorf("%d packets of 1 KB fit into 10 KB", taken)
		}
		for range taken {
			if f := read(t, conn); f.Cmd != proto.Command_OFFLINE {
				t.Fatalf("a CIM client was sent %v", f.Cmd)
			}
		}
		synctest.Wait()
		if !r.link.Offer(p) {
			t.Error("an empty outbox refused")
		}
		read(t, conn)
	})
}

func TestIdleLinkHasNoWriterAndNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		conn, r := w.login(t, ourLogin)
		r.link.Send(NewPacket(message(1, "hi")))
		read(t, conn)
		synctest.Wait()
		r.link.mu.Lock()
		defer r.link.mu.Unlock()
		if r.link.writing || !r.link.out.Idle() {
			t.Errorf("an idle link has %+v", r.link.out)
		}
	})
}

// sink is a connection in memory that takes everything and says nothing.
type sink struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) Read([]byte) (int, error)    { <-s.done; return 0, net.ErrClosed }
func (s *sink) RemoteAddr() net.Addr        { return &net.UnixAddr{Name: "sink"} }
func (s *sink) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

// sinks returns links over sinks.
func sinks(t testing.TB, n int) (links []*Link) {
	ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	w := serve(t, Config{Linger: time.Millisecond}, ln)
	for range n {
		ln.conns <- &sink{done: make(chan struct{})}
		links = append(links, (<-w.accepted).link)
	}
	return links
}

func idle(l *Link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.writing
}

func TestSendAllocatesNothing(t *testing.T) {
	l := sinks(t, 1)[0]
	p := NewPacket(message(1, "hi"))
	l.Send(p)
	most := 0.0
	if poolsForget {
		most = 3
	}
	if n := testing.AllocsPerRun(1000, func() {
		l.Send(p)
		for !idle(l) {
			runtime.Gosched()
		}
	}); n > most {
		t.Errorf("a Send and its write allocate %v times", n)
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("links=%d,batch", n), func(b *testing.B) { // of 64
			links := sinks(b, n)
			b.ReportAllocs()
			for b.Loop() {
				packets := make([]*Packet, 64)
				for i := range packets {
					packets[i] = NewPacket(message(1, strings.Repeat("x", 128)))
				}
				batch := NewBatch(packets)
				for _, l := range links {
					l.SendAll(batch)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*64), "ns/delivery")
		})
		b.Run(fmt.Sprintf("links=%d", n), func(b *testing.B) {
			links := sinks(b, n)
			b.ReportAllocs()
			for b.Loop() {
				p := NewPacket(message(1, strings.Repeat("x", 128)))
				for _, l := range links {
					l.Send(p)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/delivery")
		})
	}
}
