package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// http returns the loads in which private messages are sent by HTTP. For comparison, each
// load also runs with the same messages sent by connection. Each load is measured for
// every number of entries that the logs have beforehand.
func (b *bench) http() []load {
	var loads []load
	for _, entries := range b.Entries {
		loads = append(loads,
			b.posts(senders{"alone", 1, 1}, entries),
			b.posts(senders{"one account", 1, b.Outstanding}, entries),
			b.posts(senders{fmt.Sprintf("%d accounts", b.Outstanding), b.Outstanding, b.Outstanding}, entries))
	}
	return loads
}

// senders are accounts that write to receivers. Each receiver gets one message at a time.
// The next one is sent when the one before was accepted.
type senders struct {
	name      string
	accounts  int // each writes to the same number of receivers
	receivers int
}

func (b *bench) posts(s senders, entries int) load {
	name := "http, " + s.name
	if entries > 0 {
		name += fmt.Sprintf(", %d entries", entries)
	}
	return load{
		Name:  name,
		About: fmt.Sprintf("senders: %d, receivers: %d, each with a message outstanding; entries in every log before: %d", s.accounts, s.receivers, entries),
		forms: bothWays(b.systems(1)),
		run: func(ctx context.Context, of system) ([]Figure, Check, error) {
			return b.inLanes(ctx, of, s, entries)
		},
	}
}

// mailer is a system to which messages can be sent by HTTP.
type mailer interface {
	system
	send(ctx context.Context, i int, m *proto.SendMessage) (proto.SendReceipt, time.Duration, error)
}

// byHTTP marks a system to which messages are sent by HTTP.
type byHTTP struct{ mailer }

// unwrap returns the system itself.
func unwrap(s system) system {
	if marked, ok := s.(byHTTP); ok {
		return marked.mailer
	}
	return s
}

// bothWays returns two forms for each given form, one by HTTP and one by connection. The
// two are compared.
func bothWays(forms []form) []form {
	var both []form
	for _, f := range forms {
		by := f.name + ", connection"
		post := func(ctx context.Context) (system, error) {
			s, err := f.start(ctx)
			if err != nil {
				return nil, err
			}
			return byHTTP{s.(mailer)}, nil
		}
		both = append(both, form{name: f.name + ", HTTP", of: by, start: post}, form{name: by, start: f.start})
	}
	return both
}

// inLanes measures private messages of few senders. By HTTP, only the receivers have
// connections to a node. By connection, each sender has one, too, and sends all its
// messages on it.
func (b *bench) inLanes(ctx context.Context, s system, by senders, entries int) ([]Figure, Check, error) {
	n := by.accounts + by.receivers
	if err := s.register(ctx, n); err != nil {
		return nil, Check{}, err
	}
	if err := b.fill(ctx, s, n, entries); err != nil {
		return nil, Check{}, fmt.Errorf("fill the logs: %w", err)
	}
	seats, err := s.login(ctx, 0, n)
	if err != nil {
		return nil, Check{}, err
	}
	_, posts := s.(byHTTP)
	t := newMail(seats, by.accounts, b.Text, posts)
	if t.pool, err = loadclients.New(t, false); err != nil {
		return nil, Check{}, err
	}
	defer t.pool.Close()
	if posts {
		seats = seats[by.accounts:]
	}
	if err := seat(ctx, t.pool, seats); err != nil {
		return nil, Check{}, err
	}
	used, err := b.exchange(ctx, s, t)
	if err != nil {
		return nil, Check{}, err
	}
	return t.figures(used), t.verdict(), nil
}

// exchange drives the traffic. By HTTP, it has one goroutine for each receiver. All of
// these end before exchange returns.
func (b *bench) exchange(ctx context.Context, s system, t *mail) (usage, error) {
	to, posts := s.(byHTTP)
	if !posts {
		return b.drive(ctx, s, t.pool, t)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, within := errgroup.WithContext(ctx)
	for i := range t.lanes {
		group.Go(func() error { return t.post(within, to, i) })
	}
	used, failed := b.drive(within, s, t.pool, t)
	if failed != nil {
		cancel()
	}
	if err := group.Wait(); err != nil {
		return usage{}, err // this error also ended the driving
	}
	return used, failed
}
