package fault

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals are when n packets of a size arrive that come every so often, from the
// first; those that are lost are not among them.
func arrivals(l *line, n, size int, every time.Duration) (at []time.Duration) {
	begun := time.Unix(0, 0)
	for i := range n {
		if arrives, ok := l.take(begun.Add(time.Duration(i)*every), size); ok {
			at = append(at, arrives.Sub(begun)-time.Duration(i)*every)
		}
	}
	return at
}

// A line does to packets what its seed drew, and the same again.
func TestLineLosesDelaysAndReordersBySeed(t *testing.T) {
	const n, every = 20_000, 50 * time.Millisecond // 1.5 kB each: slower than the line
	for seed := range uint64(20) {
		l := newLine(seed)
		if l.loss < 0.05 || l.loss > 0.2 || l.delay.Min < 20*time.Millisecond || l.delay.Max > 200*time.Millisecond || l.rate < 32<<10 || l.rate > 256<<10 {
			t.Fatalf("seed %d draws %v", seed, l)
		}
		late := arrivals(l, n, linkMTU, every)
		if lost := 1 - float64(len(late))/n; lost < l.loss-0.02 || lost > l.loss+0.02 {
			t.Errorf("%v lost %.3f", l, lost)
		}
		onWire := linkMTU * time.Second / time.Duration(l.rate)
		if least, most := slices.Min(late), slices.Max(late); least < l.delay.Min || most > l.delay.Max+onWire || most-least < (l.delay.Max-l.delay.Min)*9/10 {
			t.Errorf("%v delivered %v to %v late", l, least, most)
		}
		if !slices.Equal(late, arrivals(newLine(seed), n, linkMTU, every)) {
			t.Errorf("seed %d does something else the second time", seed)
		}
	}
	if slices.IsSorted(arrivals(newLine(1), 100, linkMTU, 0)) {
		t.Error("packets that come together arrive in their order")
	}
}

// However much comes, no more passes than the rate, nothing waits longer than the
// queue, and the rest is lost.
func TestLinePassesNoMoreThanItsRate(t *testing.T) {
	const seconds = 10
	for seed := range uint64(20) {
		l := newLine(seed)
		passed := arrivals(l, seconds*1000, linkMTU, time.Millisecond) // 1.5 MB/s
		rate := float64(len(passed)*linkMTU) / (seconds + longestQueue.Seconds())
		if least, most := float64(l.rate)*0.95, float64(l.rate)*1.05; rate < least || rate > most {
			t.Errorf("%v passed %.0f kB/s", l, rate/1024)
		}
		if most := slices.Max(passed); most > longestQueue+l.delay.Max+linkMTU*time.Second/time.Duration(l.rate) {
			t.Errorf("%v: a packet was %v late", l, most)
		}
	}
}

// wire is a device: sent packets can be read from it, and written packets arrive.
type wire struct {
	sent    chan []byte
	arrived chan []byte
	closed  chan struct{}
}

func (w wire) Read(b []byte) (int, error) {
	select {
	case p := <-w.sent:
		return copy(b, p), nil
	case <-w.closed:
		return 0, io.ErrClosedPipe
	}
}
func (w wire) Write(b []byte) (int, error) { w.arrived <- b; return len(b), nil }
func (w wire) Close() error                { close(w.closed); return nil }

// Packets arrive when the line says, in that order, and nothing goes on when the link
// has ended, with packets under way too.
func TestCarriedPacketsArriveWhenTheLineSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := wire{make(chan []byte), make(chan []byte, 300), make(chan struct{})}
		end := during(t.Context(), func(ctx context.Context) error { return carry(ctx, device, newLine(7)) })
		same, begun := newLine(7), time.Now()
		var due []time.Time
		for range 200 {
			device.sent <- make([]byte, 100)
			if at, ok := same.take(time.Now(), 100); ok {
				due = append(due, at)
			}
		}
		slices.SortFunc(due, time.Time.Compare)
		for i, at := range due {
			<-device.arrived
			if !time.Now().Equal(at) {
				t.Fatalf("packet %d arrives after %v, want %v", i, time.Since(begun), at.Sub(begun))
			}
		}
		for range 20 {
			device.sent <- []byte("under way")
		}
		if err := end(t.Context()); err != nil || len(device.arrived) != 0 {
			t.Errorf("ended with %v, %d packets arrived", err, len(device.arrived))
		}
	})
}

// A device that fails is told when the link is healed.
func TestFailingDeviceIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := wire{closed: make(chan struct{})}
		end := during(t.Context(), func(ctx context.Context) error { return carry(ctx, broke{device}, newLine(7)) })
		synctest.Wait()
		if err := end(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ended with %v", err)
		}
	})
}

type broke struct{ wire }

func (broke) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
