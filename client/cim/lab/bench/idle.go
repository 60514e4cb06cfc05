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
	if b.IdleRate > 0 {
		about += fmt.Sprintf(", and %g messages a second among them", b.IdleRate)
	}
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

// gained is the name of the figure that is near zero if nothing leaks. The limit's figure
// is near zero, too, so a ratio of the two figures would say nothing.
const gained = "memory gained while held"

// inPeace measures the cost of many connections that are idle. Memory is counted only for
// the connections after the first tenth. The first connections bring code and buffers into
// memory that belong to no connection.
func (b *bench) inPeace(ctx context.Context, s system, socket bool) ([]Figure, Check, error) {
	if err := s.register(ctx, b.Idle); err != nil {
		return nil, Check{}, err
	}
	seats := make([]loadclients.Seat, b.Idle)
	t, clients, err := b.quiet(s, seats, socket)
	if err != nil {
		return nil, Check{}, err
	}
	defer clients.Close()
	first := max(1, len(seats)/10)
	before, _, err := b.arrive(ctx, s, clients, seats, 0, first)
	if err != nil {
		return nil, Check{}, err
	}
	after, took, err := b.arrive(ctx, s, clients, seats, first, len(seats))
	if err != nil {
		return nil, Check{}, err
	}
	t.address(seats, b.Text)
	watch, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	if err := drive(ctx, clients, t, clients.Now()+b.Hold); err != nil {
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
	figures := idleFigures(len(seats), after-before, end-before, int64(more), used)
	if len(used.names) > 0 {
		figures = append(figures, Figure{gained, "bytes", per(float64(end-after), float64(len(seats)))})
	}
	t.stop()
	if err := drain(ctx, clients, t); err != nil {
		return nil, Check{}, err
	}
	return append(figures, rate("connected", int64(more), took)), t.verdict(), nil
}

// quiet returns clients that are not connected yet, and their traffic. If Config.IdleRate
// is set, each user writes to a neighbour, who answers. If it is zero, nobody writes.
func (b *bench) quiet(s system, seats []loadclients.Seat, socket bool) (*talk, *loadclients.Pool, error) {
	_, bare := s.(bare)
	pairs := seats[:len(seats)&^1]
	t := newTalk(pairs, b.Text, nil, !bare)
	t.next = len(pairs) // no user asks first
	if b.IdleRate > 0 {
		questions := newPace(b.IdleRate / 2) // answers are the other half of the messages
		t.pace, t.next = &questions, 0
	}
	var err error
	t.pool, err = loadclients.New(t, socket)
	return t, t.pool, err
}

// ticketsAtOnce is how many users log in before they connect. All users together could
// take longer than a ticket is valid.
const ticketsAtOnce = 1000

// arrive connects the users from the index first to the index end-1, and notes them in the
// parameter seats. Then it waits until everything is calm again. It returns the memory of
// the processes that hold connections, and how long the connecting took.
func (b *bench) arrive(ctx context.Context, s system, clients *loadclients.Pool, seats []loadclients.Seat, first, end int) (memory int64, took time.Duration, err error) {
	for i := first; i < end; i += ticketsAtOnce {
		some, err := s.login(ctx, i, min(i+ticketsAtOnce, end))
		if err != nil {
			return 0, 0, err
		}
		copy(seats[i:], some)
		begun := time.Now()
		if err := clients.Connect(ctx, some, connectAtOnce); err != nil {
			return 0, 0, err
		}
		took += time.Since(begun)
	}
	if err := rest(ctx, clients, min(settle, b.Hold)); err != nil {
		return 0, 0, err
	}
	memory, err = resident(s)
	return memory, took, err
}

// idleFigures returns the figures of n connections. The parameter more is how many of
// these were opened last, and memory is how much they took. The parameter atEnd is the
// same memory after the connections were held.
func idleFigures(n int, memory, atEnd, more int64, used usage) []Figure {
	var figures []Figure
	if len(used.names) > 0 {
		figures = append(figures, Figure{"memory a connection", "bytes", per(float64(memory), float64(more))},
			Figure{"  at the end", "bytes", per(float64(atEnd), float64(more))})
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
