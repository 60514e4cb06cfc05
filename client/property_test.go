package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"pgregory.net/rapid"
)

// step is one thing that happens in a story.
type step struct {
	Do  string
	Log int64
	N   int // texts, entries, milliseconds or calls, as Do says
}

// doings are the events that may happen. Sent messages are the most frequent.
var doings = []string{
	"say", "say", "say", "say unpushed", "say late", "say twice", "say swapped",
	"send", "send", "send losing answer", "send refused",
	"break", "kick", "move", "unreachable", "routes fail", "restart", "sleep", "newest",
	"lose tail", "lose log", "trim shown",
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		Do:  rapid.SampledFrom(doings).Draw(t, "do"),
		Log: rapid.Int64Range(0, 1).Draw(t, "log"),
		N:   rapid.IntRange(1, 6).Draw(t, "n"),
	}
}), 1, 60)

// The application sees every message that is in a log at the end, once and in the order
// of the log. Its own messages stand there once and in the order of sending, and it is
// shown none of them. Nothing that nodes, routes and connections do may change that.
func TestEveryMessageIsSeenOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := steps.Draw(rt, "plan")
		var failure string
		synctest.Test(t, func(t *testing.T) { failure = tell(t, plan) })
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// story is a run of a plan.
type story struct {
	t       *testing.T
	k       *cluster
	history *history.Memory
	client  *Client
	reading chan struct{} // closed when the application has stopped

	texts   int
	shown   []proto.Message
	pending []*Pending
	sent    []string // texts in the order of sending
	before  int      // of sent, those of earlier processes
}

// tell runs a plan and returns what is wrong at the end.
func tell(t *testing.T, plan []step) string {
	s := &story{t: t, k: newCluster(), history: history.NewMemory()}
	s.open()
	time.Sleep(time.Second) // both logs are followed
	for _, st := range plan {
		s.do(st)
		synctest.Wait()
	}
	s.calm()
	s.k.tellNewest()
	time.Sleep(10 * time.Minute)
	for _, p := range s.pending {
		if _, err := p.Wait(t.Context()); err != nil {
			return err.Error()
		}
	}
	s.k.tellNewest() // own messages in a log that was lost since
	time.Sleep(10 * time.Minute)
	s.close()
	return s.verdict()
}

func (s *story) open() {
	cfg := s.k.config()
	cfg.History = s.history
	c, err := Connect(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.client, s.reading = c, make(chan struct{})
	go func() {
		defer close(s.reading)
		for m, err := range c.Messages(context.Background()) {
			if err != nil {
				return
			}
			s.shown = append(s.shown, m)
		}
	}()
}

func (s *story) close() {
	s.client.Close()
	<-s.reading
}

// calm ends all faults.
func (s *story) calm() {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.k.onCall, s.k.onSend = nil, nil
	clear(s.k.unreachable)
}

func (s *story) text() string {
	s.texts++
	return fmt.Sprintf("t%d", s.texts)
}

func (s *story) do(st step) {
	k := s.k
	switch st.Do {
	case "say":
		for range st.N {
			k.say(st.Log, s.text())
		}
	case "say unpushed":
		k.store(st.Log, s.text())
	case "say late":
		m := k.store(st.Log, s.text())
		time.AfterFunc(time.Duration(st.N)*30*time.Millisecond, func() { k.push(m) })
	case "say twice":
		m := k.store(st.Log, s.text())
		k.push(m)
		k.push(m)
	case "say swapped":
		var list []proto.Message
		for range st.N + 1 {
			list = append(list, k.store(st.Log, s.text()))
		}
		for _, m := range slices.Backward(list) {
			k.push(m)
		}
	case "send", "send losing answer", "send refused":
		s.send(st)
	case "break":
		k.kick(proto.OK)
	case "kick":
		k.kick([]proto.Code{proto.GoingAway, proto.Silent, proto.Full, proto.NotOpened, proto.TooSlow, proto.SessionUnknown}[st.N-1])
	case "move":
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-2", NodeAddress: "node-2:1", Ticket: "another"})
	case "unreachable":
		k.mu.Lock()
		defer k.mu.Unlock()
		clear(k.unreachable)
		k.unreachable[fmt.Sprintf("node-%d", 1+st.N%2)] = true
	case "routes fail":
		s.failCalls(st.N)
	case "restart":
		s.restart()
	case "sleep":
		time.Sleep(time.Duration(st.N*st.N) * 25 * time.Millisecond)
	case "newest":
		k.tellNewest()
	case "lose tail":
		s.lose(st)
	case "lose log":
		k.mu.Lock()
		defer k.mu.Unlock()
		l := k.logs[st.Log]
		*l = storedLog{epoch: l.epoch + 0x100}
		l.append(st.Log, proto.Message{ID: fmt.Sprintf("genesis-%d", l.epoch), Kind: proto.Kind_GENESIS})
	case "trim shown":
		s.trim(st)
	}
}

// send sends N messages. The first one meets the fault.
func (s *story) send(st step) {
	left := st.N
	s.k.mu.Lock()
	switch st.Do {
	case "send losing answer":
		s.k.onSend = func(*proto.Frame) fate {
			left--
			return fate{loseAnswer: left == 0}
		}
	case "send refused": // a node lets nothing pass behind a message it refused for now
		id := ""
		s.k.onSend = func(f *proto.Frame) fate {
			if id == "" {
				id = f.Id
			}
			if f.Id == id {
				left--
			}
			if left >= 0 {
				return fate{code: proto.Unavailable}
			}
			return fate{}
		}
	}
	s.k.mu.Unlock()
	for range st.N {
		text := s.text()
		p, err := s.client.Enqueue(context.Background(), Outgoing{Group: st.Log, To: (1 - st.Log) * bob, Text: text})
		if err != nil {
			s.t.Fatal(err)
		}
		s.pending = append(s.pending, p)
		s.sent = append(s.sent, text)
	}
}

func (s *story) failCalls(n int) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.k.onCall = func(string, []byte) *proto.ErrorAnswer {
		if n--; n < 0 {
			return nil
		}
		if n%2 == 0 {
			return refuse(proto.Unavailable)
		}
		return &proto.ErrorAnswer{Name: "unreachable"}
	}
}

// restart ends the process and begins another with the same history. Before that it
// waits for the messages on their way, because a process that ends does not send them
// again.
func (s *story) restart() {
	s.calm()
	for _, p := range s.pending {
		if _, err := p.Wait(context.Background()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.close()
	s.before = len(s.sent)
	s.open()
}

// lose removes the last entries of a log, as a failover may, but not all of its
// entries. Messages on their way are answered first, so that only accepted messages are
// lost, for which the client is not to blame.
func (s *story) lose(st step) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	l := s.k.logs[st.Log]
	l.entries = l.entries[:max(1, len(l.entries)-st.N)]
}

// trim removes the oldest entries, of those that were shown or sent.
func (s *story) trim(st step) {
	time.Sleep(2 * time.Minute) // everything is shown by now
	s.calm()
	s.k.tellNewest()
	time.Sleep(2 * time.Minute)
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	l := s.k.logs[st.Log]
	n := min(st.N, len(l.entries)-1)
	l.entries, l.trimmed = l.entries[n:], l.trimmed+int64(n)
}

func (s *story) verdict() string {
	var wrong []string
	seen := map[string]int{}
	for _, m := range s.shown {
		seen[m.Text]++
		// A message that an earlier process sent and had not kept yet is like one of
		// another device.
		if m.From == alice && !slices.Contains(s.sent[:s.before], m.Text) {
			wrong = append(wrong, "shown its own "+m.Text)
		}
	}
	for text, n := range seen {
		if n > 1 {
			wrong = append(wrong, fmt.Sprintf("%s shown %d times", text, n))
		}
	}
	for log, l := range s.k.logs {
		wrong = append(wrong, s.compare(log, l)...)
	}
	if len(wrong) == 0 {
		return ""
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "\n")
}

// compare checks one log's end state.
func (s *story) compare(log int64, l *storedLog) (wrong []string) {
	var want, own []string
	for _, m := range l.entries {
		switch {
		case m.Kind != proto.Kind_TEXT:
		case m.From == alice:
			own = append(own, m.Text)
			if !s.history.Has(m.Key()) {
				wrong = append(wrong, "history lacks own "+m.Text)
			}
		default:
			want = append(want, m.Text)
		}
	}
	var got []string
	for _, m := range s.shown {
		if m.At.Log == log && slices.Contains(want, m.Text) {
			got = append(got, m.Text)
		}
	}
	if !slices.Equal(got, want) {
		wrong = append(wrong, fmt.Sprintf("log %d: shown %v, want %v", log, got, want))
	}
	if !isSubsequence(own, s.sent) {
		wrong = append(wrong, fmt.Sprintf("log %d: own messages stand as %v, sent as %v", log, own, s.sent))
	}
	// A log that lost its tail and got nothing new may end before the history.
	end := l.newest(log)
	if p := s.history.Positions(log); len(p) > 0 && p[0] != end && (p[0].Epoch != end.Epoch || p[0].Number <= end.Number) {
		wrong = append(wrong, fmt.Sprintf("log %d: history ends at %v, log at %v", log, p[0], end))
	}
	return wrong
}

// isSubsequence reports whether list has elements of all in the same order, each at
// most once.
func isSubsequence(list, all []string) bool {
	for _, text := range list {
		i := slices.Index(all, text)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}
