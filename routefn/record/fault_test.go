package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// proxy passes bytes between a Store and a server until it is told to break.
type proxy struct {
	listener net.Listener
	target   string              // guarded by mu
	reword   func([]byte) []byte // changes answers; nil: passes them as they are. Guarded by mu
	all      sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	victim  []byte // if a connection sends this, it is cut
	deliver bool   // cut it only after the server has got the bytes
	seen    int    // how often the victim was sent

	mortal bool // all connections are cut for good, after as many requests as until says
	until  int
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		s, err := net.Dial("tcp", target)
		if err != nil {
			c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = struct{}{}, struct{}{}
		reword := p.reword
		p.mu.Unlock()
		l := &leg{client: c, server: s, reword: reword, answered: make(chan struct{})}
		p.all.Go(l.back)
		p.all.Go(func() { p.forward(l) })
	}
}

// leg is one connection through a proxy.
type leg struct {
	client, server net.Conn
	reword         func([]byte) []byte
	muted          atomic.Bool   // answers are not passed on
	answered       chan struct{} // closed after the first answer, or when no more can come
}

// back passes answers from the server to the client.
func (l *leg) back() {
	defer l.client.Close()
	defer close(l.answered)
	buf := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buf)
		if err != nil || l.muted.Load() {
			return
		}
		answer := buf[:n]
		if l.reword != nil {
			answer = l.reword(answer)
		}
		if _, err := l.client.Write(answer); err != nil {
			return
		}
	}
}

// forward passes requests from the client to the server, and cuts the connection at the
// victim. Each request of the tests fits into one read.
func (p *proxy) forward(l *leg) {
	defer l.server.Close()
	defer l.client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			return
		}
		hit, deliver := p.judge(buf[:n])
		if hit && !deliver {
			return
		}
		l.muted.Store(hit)
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
		if hit {
			<-l.answered // it was executed
			return
		}
	}
}

func (p *proxy) judge(request []byte) (hit, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mortal {
		p.seen++
		return p.seen > p.until, p.deliver && p.seen == p.until+1
	}
	hit = len(p.victim) > 0 && bytes.Contains(request, p.victim)
	if hit {
		p.seen++
	}
	return hit, p.deliver
}

// killAfter makes the proxy pass as many requests as n says, and no more, as if the
// process had been killed then. If deliver is set, the server gets one more.
func (p *proxy) killAfter(n int, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mortal, p.until, p.deliver, p.seen = true, n, deliver, 0
}

// times returns how often the victim was sent.
func (p *proxy) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func (p *proxy) breakOn(victim string, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.victim, p.deliver, p.seen = []byte(victim), deliver, 0
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// If the answer to a write is lost, its outcome is unknown, and the Store does not
// repeat it. If the caller sends it again, there is one entry, whether or not the first
// try was executed.
func TestLostAnswerIsUnknownAndSentAgainOnce(t *testing.T) {
	for name, deliver := range map[string]bool{"executed": true, "not executed": false} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, storetest.Server.Addr())
			s := dial(t, Config{URL: "redis://" + p.listener.Addr().String()})
			flush(t, s)
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			stored(t, s, private(alice, bob, "warm"))
			m := private(alice, bob, "broken")
			p.breakOn("broken", deliver)
			a := s.Append(t.Context(), []Message{m})[0]
			if !errors.Is(a.Err, ErrUnknown) || errors.Is(a.Err, ErrUnavailable) {
				t.Fatalf("error is %v", a.Err)
			}
			if p.times() != 1 {
				t.Fatalf("it was sent %d times", p.times())
			}
			p.breakOn("", false)
			m.Again = true
			stored(t, s, m)
			wantKeys(t, inbox(t, s, bob), private(alice, bob, "warm").key(), m.key())
			wantKeys(t, inbox(t, s, alice), private(alice, bob, "warm").key(), m.key())
		})
	}
}

// The second batch uses the ops of the first one again. The answers to the first batch
// must not count for the second.
func TestReconcileWhoseSecondBatchIsNotAnsweredFails(t *testing.T) {
	for name, deliver := range map[string]bool{"executed": true, "not executed": false} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, storetest.Server.Addr())
			s := dial(t, Config{URL: "redis://" + p.listener.Addr().String()})
			flush(t, s)
			alice := register(t, s, "alice")
			phone := login(t, s, alice, "phone", "n1", 0)
			held := make([]Held, reconcileChunk, reconcileChunk+1)
			for i := range held {
				held[i] = Held{User: alice, Device: "phone", Number: phone.Number}
			}
			held = append(held, Held{User: alice, Device: "tablet"})
			p.breakOn("closed:tablet", deliver)
			if list, err := s.Reconcile(t.Context(), held, "n1", 7); !errors.Is(err, ErrUnavailable) || p.times() == 0 {
				t.Fatalf("%d differ, error %v, tried %d times", len(list), err, p.times())
			}
		})
	}
}

func TestReadSurvivesADeadConnection(t *testing.T) {
	p := newProxy(t, storetest.Server.Addr())
	s := dial(t, Config{URL: "redis://" + p.listener.Addr().String(), PoolSize: 1})
	flush(t, s)
	alice := register(t, s, "alice")
	p.cut()
	if _, err := s.Sessions(t.Context(), alice); err != nil {
		t.Errorf("sessions: %v", err)
	}
	p.breakOn("hget", false)
	if _, err := s.Sessions(t.Context(), alice); !errors.Is(err, ErrUnavailable) || p.times() != 2 {
		t.Errorf("sessions: %v after %d tries, want two", err, p.times())
	}
}

func TestServerThatIsNotThereIsUnavailable(t *testing.T) {
	p := newProxy(t, storetest.Server.Addr())
	s := dial(t, Config{URL: "redis://" + p.listener.Addr().String()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	p.listener.Close()
	p.cut()
	if err := s.Topology.(servers.One).Client.Ping(t.Context()).Err(); err == nil { // takes the dead connection out of the pool
		t.Fatal("server answers")
	}
	a := s.Append(t.Context(), []Message{private(alice, bob, "1")})[0]
	if !errors.Is(a.Err, ErrUnavailable) || errors.Is(a.Err, ErrUnknown) {
		t.Errorf("append: %v", a.Err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	if _, err := s.IssueNumber(t.Context(), Issuing{User: alice, Device: "phone"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("issue: %v", err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if a := s.Append(ctx, []Message{private(alice, bob, "1")})[0]; !errors.Is(a.Err, ErrUnavailable) {
			t.Errorf("append: %v", a.Err)
		}
		wantKeys(t, inbox(t, s, bob))
	})
}

func TestServerThatHangsIsUnknownAtTheDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and nobody reads from them
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db, err := op.Open(op.Config{Config: servers.Config{URL: "redis://" + l.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(Config{}.withDefaults(), db)
	defer s.Close()
	client := s.Topology.(servers.One).Client
	s.Times.Hear(client, time.Now().UnixMilli(), s.Times.Moment(), s.Times.Moment())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	m := private(1, 2, "1")
	if a := s.Append(ctx, []Message{m})[0]; !errors.Is(a.Err, ErrUnknown) {
		t.Errorf("append: %v", a.Err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
}

// Behind a name or a proxy, new connections reach the new primary. Old ones stay at the
// old primary, which is a replica now.
func TestReadOnlyAnswerCostsTheConnections(t *testing.T) {
	for name, words := range map[string]string{
		"Redis": "-READONLY You can't", "a proxy": "-ERR READONLY You can't", "another": "-ERR cannot: read only replica, can't",
	} {
		t.Run(name, func(t *testing.T) {
			old, primary := spawned(t, "--repl-diskless-sync-delay", "0"), spawned(t)
			p := newProxy(t, old.Addr())
			p.mu.Lock()
			p.reword = func(answer []byte) []byte {
				return bytes.ReplaceAll(answer, []byte("-READONLY You can't"), []byte(words))
			}
			p.mu.Unlock()
			s := dial(t, Config{URL: "redis://" + p.listener.Addr().String(), PoolSize: 20})
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			var many sync.WaitGroup
			for i := range 20 { // more connections than a call has rounds
				many.Go(func() { _, _, _ = s.Register(t.Context(), fmt.Sprint("user-", i), "") })
			}
			many.Wait()
			follow(t, primary, old.Addr())
			if err := clientOf(t, primary.Addr()).ReplicaOf(t.Context(), "no", "one").Err(); err != nil {
				t.Fatal(err)
			}
			if err := clientOf(t, old.Addr()).ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			p.target = primary.Addr()
			p.mu.Unlock()
			if a := s.Append(t.Context(), []Message{private(alice, bob, "0")})[0]; !errors.Is(a.Err, ErrUnavailable) {
				t.Errorf("a replica accepts: %+v", a)
			}
			stored(t, s, private(alice, bob, "1")) // at once, on any connection
			for i := range 20 {
				if _, created, err := s.Register(t.Context(), fmt.Sprint("later-", i), ""); err != nil || !created {
					t.Errorf("register %d: %v", i, err)
				}
			}
		})
	}
}

func TestFullServerStoresNothing(t *testing.T) {
	s := dial(t, Config{URL: spawned(t).URL()})
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "1"))
	if err := s.Topology.(servers.One).ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{false, true} {
		m := private(alice, bob, "2")
		m.Again = again
		if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrUnavailable) {
			t.Errorf("again %v: %v", again, a.Err)
		}
	}
	wantKeys(t, inbox(t, s, bob), key(alice, 1))
}

// While its memory is full, Redis 7.0 refuses every transaction. Other servers only
// refuse writes.
func TestFullServerIsReadOn(t *testing.T) {
	s := dial(t, Config{URL: spawned(t).URL()})
	alice, bob := account(t, s, "alice"), account(t, s, "bob")
	g := group(t, s, alice, bob)
	stored(t, s, private(alice.User, bob.User, "1"))
	held := []Held{{User: bob.User, Device: "phone", Number: login(t, s, bob.User, "phone", "n1", 0).Number}}
	before, err := s.Reconcile(t.Context(), held, "n1", 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Topology.(servers.One).ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second call uses ops of the first one again
		if groups, err := s.Groups(t.Context(), bob.User); err != nil || len(groups) != 1 || groups[0].Group != g || groups[0].Members != 2 {
			t.Errorf("groups: %+v, %v", groups, err)
		}
		m, err := s.Members(t.Context(), alice.User, g, 0, 10)
		if err != nil || m.Total != 2 || !slices.Contains(m.Users, alice) || !slices.Contains(m.Users, bob) {
			t.Errorf("members: %+v, %v", m, err)
		}
		wantKeys(t, inbox(t, s, bob.User), key(alice.User, 1))
		if got := shownOf(t, s, bob.User, g); got != "+bob" {
			t.Errorf("of the group bob reads %q", got)
		}
		now, err := s.Reconcile(t.Context(), held, "n1", 7)
		if err != nil || !reflect.DeepEqual(now, before) {
			t.Errorf("reconciliation says %+v, %v, said %+v", now, err, before)
		}
		if live, err := s.Sessions(t.Context(), bob.User); err != nil || len(live) != 1 {
			t.Errorf("sessions: %+v, %v", live, err)
		}
	}
}
