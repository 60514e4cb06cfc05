package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/cim-go/cim/proto"
)

// Sender sends over HTTP and receives nothing. It is for functions, scripts and
// services that only notify. It holds no connection and no goroutine, displaces no
// device, and needs no Close. Its methods may be called concurrently.
type Sender struct {
	account account
	self    User

	mu            sync.Mutex
	conversations map[conversation]*turn
}

// conversation is the receiver of messages: a user or a group.
type conversation struct{ to, group int64 }

// turn lets only one message of a conversation be in flight. So messages keep their
// order even if one route is slower than another.
type turn struct {
	busy    chan struct{} // of size 1: full while a message is in flight
	waiting int           // how many calls hold the turn or wait for it; guarded by Sender.mu
}

// NewSender logs in and returns a Sender. It ignores the fields History, Transport,
// TLS and Dial of cfg. It does not retry. If a route refused, the error wraps a
// *proto.Error.
func NewSender(ctx context.Context, cfg Config) (*Sender, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Sender{account: account{cfg, newRoutes(cfg)}, conversations: make(map[conversation]*turn)}
	answer, err := s.account.login(ctx, nil, 0)
	if err != nil {
		return nil, err
	}
	s.self = User{User: answer.User, Name: answer.Name}
	return s, nil
}

// Self returns the account.
func (s *Sender) Self() User { return s.self }

// Send sends m and blocks until it is stored or refused, or until ctx ends. It retries
// while that may help. An error that wraps ErrOutcomeUnknown means that the message may or
// may not be stored. This can happen when ctx ends. An error that wraps ErrNotRoute, but
// not ErrOutcomeUnknown, means that the message is not stored. Messages to one receiver
// are sent one after another.
func (s *Sender) Send(ctx context.Context, m Outgoing) (Receipt, error) {
	m, err := m.checked()
	if err != nil {
		return Receipt{}, err
	}
	leave, err := s.enter(ctx, conversation{m.To, m.Group})
	if err != nil {
		return Receipt{}, fmt.Errorf("send %s: %w", m.ID, err)
	}
	defer leave()
	return s.post(ctx, m)
}

func (s *Sender) post(ctx context.Context, m Outgoing) (Receipt, error) {
	in := proto.SendMessage{ID: m.ID, To: m.To, Group: m.Group, Text: m.Text, Confirm: m.Confirm}
	var r Receipt
	if err := s.account.insist(ctx, proto.PathSend, &r, func() any { return in }); err != nil {
		return Receipt{}, fmt.Errorf("send %s: %w", m.ID, err)
	}
	return r, nil
}

// enter waits until no other message of the conversation is in flight, or until ctx
// ends. The caller must call leave, which lets the next message go.
func (s *Sender) enter(ctx context.Context, c conversation) (leave func(), err error) {
	s.mu.Lock()
	t, ok := s.conversations[c]
	if !ok {
		t = &turn{busy: make(chan struct{}, 1)}
		s.conversations[c] = t
	}
	t.waiting++
	s.mu.Unlock()
	done := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(s.conversations, c)
		}
	}
	select {
	case t.busy <- struct{}{}:
		return func() { <-t.busy; done() }, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}
