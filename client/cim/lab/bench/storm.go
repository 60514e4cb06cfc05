package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// storm returns the load in which all connections break at once and come back.
func (b *bench) storm() []load {
	return []load{{
		Name: "storm", About: fmt.Sprintf("%d connections break at once, and all users come back as soon as they can", b.Storm),
		forms: b.systems(1),
		run:   func(ctx context.Context, s system) ([]Figure, Check, error) { return b.breakAll(ctx, s.(returner)) },
	}}
}

// returner is a system in which the i-th user, who was logged in, can come back.
type returner interface {
	system
	comeBack(ctx context.Context, i int) (loadclients.Seat, error)
	repeated() int64
	// keepSessions makes users who come back to nodes with TLS resume a session.
	keepSessions()
}

func (b *bench) breakAll(ctx context.Context, s returner) ([]Figure, Check, error) {
	s.keepSessions()
	seats, err := b.seats(ctx, s, b.Storm)
	if err != nil {
		return nil, Check{}, err
	}
	before, err := loadclients.New(loadclients.Idle{}, false)
	if err != nil {
		return nil, Check{}, err
	}
	defer before.Close()
	if err := before.Connect(ctx, seats, connectAtOnce); err != nil {
		return nil, Check{}, err
	}
	if err := rest(ctx, before, min(settle, b.Hold)); err != nil {
		return nil, Check{}, err
	}
	refused := s.repeated()
	watch, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	before.Close()
	back, err := b.allBack(ctx, s)
	if err != nil {
		return nil, Check{}, fmt.Errorf("come back: %w", err)
	}
	used, err := watch.read()
	if err != nil {
		return nil, Check{}, err
	}
	n := int64(b.Storm)
	figures := []Figure{rate("came back", n, used.took), {"all are back after", "ms", float64(used.took) / float64(time.Millisecond)}}
	figures = append(figures, used.perEvent("a return", n)...)
	figures = append(figures, typical("back", back)...)
	return append(figures, Figure{"repeated requests", unitCount, float64(s.repeated() - refused)}), Check{}, nil
}

// allBack lets all users log in at the same time. Each connects as soon as it has a
// ticket. The result has, for each user, the time from the beginning until the user was
// connected.
func (b *bench) allBack(ctx context.Context, s returner) (*procstat.Histogram, error) {
	clients, err := loadclients.New(loadclients.Idle{}, false)
	if err != nil {
		return nil, err
	}
	defer clients.Close()
	tickets := make(chan loadclients.Seat, b.Storm)
	group, ctx := errgroup.WithContext(ctx)
	for i := range b.Storm {
		group.Go(func() error {
			seat, err := s.comeBack(ctx, i)
			if err == nil {
				tickets <- seat // the channel has room for all users
			}
			return err
		})
	}
	back := new(procstat.Histogram)
	group.Go(func() error { return b.connectAll(ctx, clients, tickets, back) })
	return back, group.Wait()
}

// connectAll connects users as their tickets come, until Config.Storm users are
// connected.
func (b *bench) connectAll(ctx context.Context, clients *loadclients.Pool, tickets <-chan loadclients.Seat, back *procstat.Histogram) error {
	for len(clients.Clients()) < b.Storm {
		var seats []loadclients.Seat
		select {
		case seat := <-tickets:
			seats = append(seats, seat)
		case <-ctx.Done():
			return ctx.Err()
		}
		for range min(len(tickets), connectAtOnce-1) {
			seats = append(seats, <-tickets)
		}
		if err := clients.Connect(ctx, seats, connectAtOnce); err != nil {
			return err
		}
		for range seats {
			back.Record(clients.Now())
		}
	}
	return nil
}
