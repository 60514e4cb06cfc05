package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
)

// idle returns the loads with connections that are logged in and only ping.
func (b *bench) idle() []load {
	about := fmt.Sprintf("%d connections that are logged in and ping every 10 s", b.Idle)
	return []load{
		{
			Name: "idle, TCP", About: about, forms: b.forms(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) { return b.inPeace(ctx, s, false) },
		},
		{
			Name: "idle, WebSocket", About: about, forms: b.systems(1), // the limit does not speak WebSocket
			run: func(ctx context.Context, s system) ([]Figure, Check, error) { return b.inPeace(ctx, s, true) },
		},
	}
}

// settle is how long a node may take to give back the memory that logins used. If Hold is
// shorter, the node gets only that time.
const settle = 8 * time.Second

// gained is the name of the figure that is near zero if nothing leaks. For the limit it
// is near zero, too, so a ratio of the two would say nothing.
const gained = "memory gained while held"

// inPeace measures the cost of many connections that are idle. Memory is counted only for
// the connections after the first tenth. The first ones bring code and buffers into
// memory that do not belong to a connection.
func (b *bench) inPeace(ctx context.Context, s system, socket bool) ([]Figure, Check, error) {
	seats, err := b.seats(ctx, s, b.Idle)
	if err != nil {
		return nil, Check{}, err
	}
	clients, err := loadclients.New(loadclients.Idle{}, socket)
	if err != nil {
		return nil, Check{}, err
	}
	defer clients.Close()
	first := max(1, len(seats)/10)
	before, _, err := b.arrive(ctx, s, clients, seats[:first])
	if err != nil {
		return nil, Check{}, err
	}
	after, took, err := b.arrive(ctx, s, clients, seats[first:])
	if err != nil {
		return nil, Check{}, err
	}
	watch, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	if err := rest(ctx, clients, b.Hold); err != nil {
		return nil, Check{}, err
	}
	used, err := watch.read()
	if err != nil {
		return nil, Check{}, err
	}
	end, err := resident(s)
	if err != nil {
		return nil, Check{}, err
	}
	more := len(seats) - first
	figures := idleFigures(len(seats), after-before, int64(more), used)
	if len(used.names) > 0 {
		figures = append(figures, Figure{gained, "bytes", per(float64(end-after), float64(len(seats)))})
	}
	return append(figures, rate("connected", int64(more), took)), Check{}, nil
}

// arrive connects more clients, and waits until everything is calm again. It returns the
// memory of the processes that hold connections, and how long the connecting took.
func (b *bench) arrive(ctx context.Context, s system, clients *loadclients.Pool, seats []loadclients.Seat) (memory int64, took time.Duration, err error) {
	begun := time.Now()
	if err := clients.Connect(ctx, seats, connectAtOnce); err != nil {
		return 0, 0, err
	}
	took = time.Since(begun)
	if err := rest(ctx, clients, min(settle, b.Hold)); err != nil {
		return 0, 0, err
	}
	memory, err = resident(s)
	return memory, took, err
}

func idleFigures(n int, memory, more int64, used usage) []Figure {
	var figures []Figure
	if len(used.names) > 0 {
		figures = append(figures, Figure{"memory a connection", "bytes", per(float64(memory), float64(more))})
	}
	seconds := used.took.Seconds()
	figures = append(figures, used.perEvent("a connection and second", int64(float64(n)*seconds))...)
	if len(used.names) > 0 {
		figures = append(figures, Figure{"CPU of all", "%", 100 * per(used.total().Seconds(), seconds)})
	}
	return figures
}

// rest lets the clients ping for a while.
func rest(ctx context.Context, clients *loadclients.Pool, d time.Duration) error {
	for until := clients.Now() + d; clients.Now() < until; {
		if err := clients.Poll(ctx, until-clients.Now()); err != nil {
			return err
		}
	}
	return nil
}

// resident returns the memory of the processes that hold connections.
func resident(s system) (sum int64, err error) {
	for _, p := range s.processes() {
		if p.Name == routeProcess || p.Name == redisProcess {
			continue
		}
		n, err := p.Resident()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
