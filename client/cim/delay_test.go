package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/record"
)

// A message is sent when it is due although its sender has left long ago, who
// finds it after coming back.
func TestDelayedMessageNeedsNoSender(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice, bob := connect(t, []string{s.url}, "alice"), connect(t, []string{s.url}, "bob")
	sent, err := alice.ScheduleAfter(t.Context(), client.Outgoing{To: bob.Self().User, Text: "later"}, 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := alice.ScheduleAfter(t.Context(), client.Outgoing{To: bob.Self().User, Text: "never"}, 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.CancelScheduled(t.Context(), taken.ID); err != nil {
		t.Fatal(err)
	}
	alice.Close()
	m := s.receive(bob, "later")
	if late := m.Time - sent.Due; late < 0 || late > 3000 { // a second, and what a busy machine needs
		t.Errorf("it was sent %d ms after it was due", late)
	}
	if m.ID != sent.ID || m.From != alice.Self().User {
		t.Errorf("bob is shown %+v, scheduled was %+v", m, sent)
	}
	again := connect(t, []string{s.url}, "alice")
	if own := s.receive(again, "later"); own.ID != sent.ID || own.From != again.Self().User {
		t.Errorf("alice is shown %+v", own)
	}
	if err := again.CancelScheduled(t.Context(), sent.ID); !errors.Is(err, proto.Err(proto.TooLate, "")) {
		t.Errorf("cancelled after it was sent: %v", err)
	}
	s.wantOnce(bob, "later")
}

// The route that fires is killed in the middle. Another takes the message up when
// the lease of the dead one has run out, and it is shown once.
func TestDelayedMessageSurvivesTheRouteThatFiresIt(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"before it is stored": false, "after it is stored": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, plan{})
			v := newVictim(t, s, "the word", stored)
			for _, st := range s.nodes { // only the victim fires, until it is dead
				st.uplink.set(func(ctx context.Context, request any, call func() error) error {
					if q, ok := request.(*proto.FireRequest); ok && !v.dead.Load() {
						_, err := v.uplink.Fire(ctx, q)
						return err
					}
					return call()
				})
			}
			alice, bob := connect(t, []string{s.url}, "alice"), connect(t, []string{s.url}, "bob")
			sent, err := alice.ScheduleAfter(t.Context(), client.Outgoing{To: bob.Self().User, Text: "the word"}, 100*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			m := s.receive(bob, "the word")
			if !v.dead.Load() {
				t.Fatal("nobody was killed")
			}
			// The lease, the next look, and what a busy machine needs.
			if took := time.Since(time.UnixMilli(sent.Due)); took > wait.Slack*13*time.Second {
				t.Errorf("it was shown %v after it was due", took)
			}
			if m.ID != sent.ID {
				t.Errorf("bob is shown %+v, scheduled was %+v", m, sent)
			}
			if own := s.receive(alice, "the word"); own.ID != sent.ID {
				t.Errorf("alice is shown %+v", own)
			}
			s.wantOnce(bob, "the word")
			s.wantOnce(alice, "the word")
		})
	}
}

// receive returns the next message that c is shown, which must have the text.
func (s *system) receive(c *client.Client, text string) client.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*patience)
	defer cancel()
	m, err := c.Receive(ctx)
	if err != nil || m.Text != text {
		s.t.Fatalf("%s is shown %+v, %v, want %q", c.Self().Name, m, err, text)
	}
	return m
}

// wantOnce checks that a user's log has one message and that no message of the user is
// still to be sent. c was shown that message, and must be shown no other.
func (s *system) wantOnce(c *client.Client, text string) {
	s.t.Helper()
	ctx := s.t.Context()
	for begun := time.Now(); ; {
		page, err := c.ScheduledPage(ctx, "", 0)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			break
		}
		if time.Since(begun) > patience {
			s.t.Fatalf("still to be sent: %+v", page.Messages)
		}
	}
	pulled, err := s.store.Pull(ctx, c.Self().User, proto.Position{}, 0)
	if err != nil || len(pulled.Entries) != 1 {
		s.t.Errorf("the log of %s has %d entries, %v", c.Self().Name, len(pulled.Entries), err)
	}
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if m, err := c.Receive(soon); err == nil {
		s.t.Errorf("%s is shown %q after %q", c.Self().Name, m.Text, text)
	}
}

// victim is a route that dies when it stores a certain text.
type victim struct {
	uplink *routes.Client
	dead   atomic.Bool

	text   []byte
	stored bool // it dies after the store has done so
	redis  string

	mu    sync.Mutex
	conns []net.Conn
}

// newVictim runs a route on the system's store until it dies. The store sees of its
// death what it sees of any: its connections end in the middle.
func newVictim(t *testing.T, s *system, text string, stored bool) *victim {
	t.Helper()
	v := &victim{text: []byte(text), stored: stored, redis: s.redis.Addr()}
	l := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() { v.serve(l, &serving) })
	store, err := record.Dial(t.Context(), record.Config{URL: "redis://" + l.Addr().String(), AllowEmbedded: true})
	if err != nil {
		t.Fatal(err)
	}
	route, err := routefn.New(routefn.Config{
		Store: store, Issuer: s.issuer, ServiceToken: serviceToken, Auth: routefn.AuthOpen,
		Members: func(context.Context) (*ring.View, error) { return s.table.Current(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(route.Handler())
	t.Cleanup(func() {
		server.Close()
		route.Close()
		_ = store.Close() // dead or not
		l.Close()
		v.die()
		serving.Wait()
	})
	v.uplink, err = routes.NewClient(routes.Config{URLs: []string{server.URL}, ServiceToken: serviceToken})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// serve passes on what the route and its store say to each other.
func (v *victim) serve(l net.Listener, serving *sync.WaitGroup) {
	for {
		route, err := l.Accept()
		if err != nil {
			return
		}
		store, err := net.Dial("tcp", v.redis)
		if err != nil {
			route.Close()
			continue
		}
		v.mu.Lock()
		v.conns = append(v.conns, route, store)
		v.mu.Unlock()
		if v.dead.Load() {
			v.die()
		}
		answered := make(chan struct{})
		serving.Go(func() { v.request(route, store, answered) })
		serving.Go(func() { v.answer(route, store, answered) })
	}
}

// request passes requests on. It dies at the one that stores the text, which fits
// into one read: before it, or when the store has executed it.
func (v *victim) request(route, store net.Conn, answered <-chan struct{}) {
	b := make([]byte, 64<<10)
	for {
		n, err := route.Read(b)
		if err != nil {
			store.Close()
			return
		}
		kills := bytes.Contains(b[:n], v.text)
		if kills && !v.dead.CompareAndSwap(false, true) || kills && !v.stored {
			v.die()
			return
		}
		if _, err := store.Write(b[:n]); err != nil {
			return
		}
		if kills {
			<-answered
			v.die()
			return
		}
	}
}

// answer passes answers on, but to a dead route.
func (v *victim) answer(route, store net.Conn, answered chan<- struct{}) {
	defer close(answered)
	b := make([]byte, 64<<10)
	for {
		n, err := store.Read(b)
		if err != nil || v.dead.Load() {
			return
		}
		if _, err := route.Write(b[:n]); err != nil {
			return
		}
	}
}

// die ends all connections of the route to its store.
func (v *victim) die() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.conns {
		c.Close()
	}
}
