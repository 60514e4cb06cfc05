package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// A burst has twenty times the messages that the system can store one by one, and more than
// twice those that it can store together. The surplus is refused, memory stays flat, no
// accepted message is lost, and soon afterwards everything is as before. CIM_TEST_LONG makes
// the burst last ten seconds.
//
// The store stands behind a gate that lets a fixed number of bytes per second through. So
// the capacity is the same on every machine, and messages that share a call share no bytes.
func TestBurstBeyondTheSustainable(t *testing.T) {
	const sustainable = 100 // messages per second, one by one
	gate := newGate(t, realRedis(t), sustainable*messageBytes)
	s := newSystem(t, plan{nodes: 1, store: gate.url})
	source := newSource(t, s, 20)
	span := 2 * time.Second
	if os.Getenv("CIM_TEST_LONG") != "" {
		span = 10 * time.Second
	}

	before := source.offer(sustainable/2, span)
	heap := watchHeap()
	burst := source.offer(20*sustainable, span)
	peak, base := heap.stop()
	time.Sleep(time.Second) // of the five in which it must have recovered
	after := source.offer(sustainable/2, span)

	t.Logf("sustainable %d/s, offered %v", sustainable, before)
	t.Logf("burst for %v: %v", span, burst)
	t.Logf("heap %.1f MiB before the burst, %.1f MiB at most during it, resident at most %s (with the test's own senders)",
		mib(base), mib(peak), peakRSS())
	t.Logf("a second later: %v", after)
	t.Logf("admission: %s", burst.codes())

	if n := before.refused() + after.refused(); n > 0 {
		t.Errorf("%d messages were refused at half of what is sustainable", n)
	}
	if burst.refused() < burst.offered/2 {
		t.Errorf("%d of %d messages were refused in the burst", burst.refused(), burst.offered)
	}
	if n := burst.answers["429"] + burst.answers["200"]; n != burst.offered {
		t.Errorf("%d of %d messages were neither accepted nor told to come back later: %s", burst.offered-n, burst.offered, burst.codes())
	}
	if peak > base+64<<20 {
		t.Errorf("the heap grew from %.1f to %.1f MiB", mib(base), mib(peak))
	}
	if p99 := burst.took.at(99); p99 > wait.Slack*time.Second {
		t.Errorf("what was accepted in the burst took %v", p99)
	}
	if was, is := before.took.at(99), after.took.at(99); is > wait.Slack*max(was, 150*time.Millisecond) {
		t.Errorf("p99 is %v a second after the burst, was %v", is, was)
	}
	source.checkLogs()
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

// messageBytes is about how many bytes the requests to the store have for a message that is
// stored alone.
const messageBytes = 1000

// gate is a way to a store that lets so many bytes per second through, in the order in
// which they came.
type gate struct {
	url     string
	perByte time.Duration

	mu   sync.Mutex
	free time.Time // when the next one may go
}

func newGate(t *testing.T, url string, perSecond int) *gate {
	t.Helper()
	ln := listen(t)
	g := &gate{url: "redis://" + ln.Addr().String(), perByte: time.Second / time.Duration(perSecond)}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { g.serve(conn, url[len("redis://"):]) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		conns.Wait()
	})
	return g
}

func (g *gate) serve(conn net.Conn, store string) {
	defer conn.Close()
	server, err := net.Dial("tcp", store)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(conn, server) // ends with either
		conn.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(time.Until(g.turn(n)))
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// turn returns when the next n bytes may go.
func (g *gate) turn(n int) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := time.Now()
	if g.free.After(at) {
		at = g.free
	}
	g.free = at.Add(time.Duration(n) * g.perByte)
	return at
}

// source offers messages at a rate, whatever becomes of them.
type source struct {
	t     *testing.T
	url   string
	token string // of the sender
	to    []int64
	http  *http.Client
	next  atomic.Int64 // id of the next message

	mu       sync.Mutex
	accepted map[int64][]string // ids, by receiver
}

// senders bounds what a source has in flight: a rate that the system does not
// take fills it up, unless the system refuses.
const senders = 150

func newSource(t *testing.T, s *system, receivers int) *source {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	t.Cleanup(transport.CloseIdleConnections)
	o := &source{t: t, url: s.url, http: &http.Client{Transport: transport}, accepted: make(map[int64][]string)}
	o.token = login(t, s.url, proto.LoginRequest{Name: "alice", Device: "test"}).Token
	for i := range receivers {
		o.to = append(o.to, login(t, s.url, proto.LoginRequest{Name: "bob-" + strconv.Itoa(i), Device: "test"}).User)
	}
	return o
}

// offering is what became of messages that were offered.
type offering struct {
	offered int
	rate    float64        // a second, as it was offered
	answers map[string]int // by status, or "none"
	took    spread         // of those that were accepted
}

func (o offering) refused() int { return o.offered - o.answers["200"] }

func (o offering) codes() string { return fmt.Sprint(o.answers) }

func (o offering) String() string {
	return fmt.Sprintf("%.0f/s, %d offered, %d accepted, %d refused, accepted p50 %v p99 %v",
		o.rate, o.offered, o.answers["200"], o.refused(), o.took.at(50), o.took.at(99))
}

func (o *source) offer(perSecond int, span time.Duration) offering {
	o.t.Helper()
	result := offering{answers: make(map[string]int)}
	var mu sync.Mutex
	var flying sync.WaitGroup
	room := make(chan struct{}, senders)
	begun := time.Now()
	for ; time.Since(begun) < span; time.Sleep(time.Millisecond) {
		for due := int(time.Since(begun).Seconds() * float64(perSecond)); result.offered < due; result.offered++ {
			room <- struct{}{}
			flying.Go(func() {
				defer func() { <-room }()
				start := time.Now()
				status := o.send()
				took := time.Since(start)
				mu.Lock()
				defer mu.Unlock()
				result.answers[status]++
				if status == "200" {
					result.took = append(result.took, took)
				}
			})
		}
	}
	result.rate = float64(result.offered) / time.Since(begun).Seconds()
	flying.Wait()
	slices.Sort(result.took)
	return result
}

// send sends a message and returns the status of the answer.
func (o *source) send() string {
	n := o.next.Add(1)
	m := proto.SendMessage{ID: strconv.FormatInt(n, 10), To: o.to[n%int64(len(o.to))], Text: "the text of a message, as long as one is in a chat"}
	body, err := json.Marshal(m)
	if err != nil {
		o.t.Error(err)
		return "none"
	}
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url+proto.PathSend, bytes.NewReader(body))
	if err != nil {
		o.t.Error(err)
		return "none"
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	answer, err := o.http.Do(r)
	if err != nil {
		return "none"
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, wellRefused(answer, b)); err != nil {
		o.t.Error(err)
	}
	if answer.StatusCode == http.StatusOK {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.accepted[m.To] = append(o.accepted[m.To], m.ID)
	}
	return strconv.Itoa(answer.StatusCode)
}

// wellRefused checks that a refusal says what it is and when to come back.
func wellRefused(answer *http.Response, body []byte) error {
	if answer.StatusCode != http.StatusTooManyRequests {
		return nil
	}
	var e proto.ErrorAnswer
	if err := json.Unmarshal(body, &e); err != nil || e.Code != proto.Overloaded {
		return fmt.Errorf("refused with %s", body)
	}
	if after, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || after < 1 {
		return fmt.Errorf("refused with Retry-After %q", answer.Header.Get("Retry-After"))
	}
	return nil
}

// checkLogs looks for every message that was accepted where it belongs.
func (o *source) checkLogs() {
	o.t.Helper()
	accepted, missing := 0, 0
	for i, user := range o.to {
		there := o.log("bob-" + strconv.Itoa(i))
		for _, id := range o.accepted[user] {
			if !there[id] {
				missing++
			}
			accepted++
		}
	}
	o.t.Logf("%d messages were accepted, %d of them are not in their receiver's log", accepted, missing)
	if missing > 0 {
		o.t.Error("accepted messages are lost")
	}
}

// log returns the ids in a user's inbox.
func (o *source) log(name string) map[string]bool {
	o.t.Helper()
	token := login(o.t, o.url, proto.LoginRequest{Name: name, Device: "test"}).Token
	ids := make(map[string]bool)
	var at proto.Position
	for {
		var page proto.PulledMessages
		if code := post(o.t, o.url+proto.PathPull, token, proto.PullMessages{After: at}, &page); code != proto.OK {
			o.t.Fatalf("pull: %v", code)
		}
		for _, m := range page.Messages {
			ids[m.ID] = true
		}
		if at = page.Through; at.Number >= page.Newest.Number {
			return ids
		}
	}
}

// heap watches how much memory is in use.
type heap struct {
	base, peak uint64
	ended      chan struct{}
	done       sync.WaitGroup
}

func watchHeap() *heap {
	runtime.GC()
	h := &heap{base: heapInUse(), ended: make(chan struct{})}
	h.done.Go(func() {
		ticks := time.NewTicker(20 * time.Millisecond)
		defer ticks.Stop()
		for {
			h.peak = max(h.peak, heapInUse())
			select {
			case <-h.ended:
				return
			case <-ticks.C:
			}
		}
	})
	return h
}

func (h *heap) stop() (peak, base uint64) {
	close(h.ended)
	h.done.Wait()
	return h.peak, h.base
}

// heapInUse returns bytes of objects, dead ones that were not collected yet too.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peakRSS is what the system says of this process, where it does.
func peakRSS() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			return string(bytes.TrimSpace(value))
		}
	}
	return "unknown"
}
