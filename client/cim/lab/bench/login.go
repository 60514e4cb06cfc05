package bench

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// login returns the load in which many users come at once. They first get tickets from
// the route, and then connect to the node with these.
func (b *bench) login() []load {
	return []load{{
		Name:  "login",
		About: fmt.Sprintf("%d users, %d requests and then %d connections at a time", b.Logins, callsAtOnce, connectAtOnce),
		forms: b.forms(1),
		run:   b.rush,
	}}
}

func (b *bench) rush(ctx context.Context, s system) ([]Figure, Check, error) {
	if err := s.register(ctx, b.Logins); err != nil {
		return nil, Check{}, err
	}
	requests, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	seats, err := s.login(ctx, b.Logins)
	if err != nil {
		return nil, Check{}, err
	}
	asked, err := requests.read()
	if err != nil {
		return nil, Check{}, err
	}
	clients, err := loadclients.New(loadclients.Idle{}, false)
	if err != nil {
		return nil, Check{}, err
	}
	defer clients.Close()
	connections, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	if err := clients.Connect(ctx, seats, connectAtOnce); err != nil {
		return nil, Check{}, err
	}
	connected, err := connections.read()
	if err != nil {
		return nil, Check{}, err
	}
	n := int64(len(seats))
	figures := []Figure{rate("connections opened", n, connected.took)}
	figures = append(figures, connected.perEvent("a connection", n)...)
	figures = append(figures, latency("opened", clients.Opening())...)
	if _, bare := s.(bare); bare {
		return figures, Check{}, nil // the limit gives no tickets
	}
	figures = append(figures, rate("POST "+proto.PathLogin, n, asked.took))
	if len(asked.names) > 0 {
		figures = append(figures, microseconds("CPU a request", asked.total(), n))
	}
	return figures, Check{}, nil
}
