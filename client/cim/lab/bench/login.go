package bench

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// login returns the loads in which many users come at once. They first get tickets from
// the route, and then connect to the node with these.
func (b *bench) login() []load {
	about := func(users int, more string) string {
		return fmt.Sprintf("%d users%s, %d requests and then %d connections at a time", users, more, callsAtOnce, connectAtOnce)
	}
	loads := []load{{
		Name: "login", About: about(b.Logins, ""), forms: b.forms(1),
		run: func(ctx context.Context, s system) ([]Figure, Check, error) {
			if err := s.register(ctx, b.Logins); err != nil {
				return nil, Check{}, err
			}
			return b.rush(ctx, s, b.Logins)
		},
	}}
	if b.GroupsOfUser == 0 {
		return loads
	}
	add := func(name, more string, users int, make func(ctx context.Context, s grouper, users int) error) {
		loads = append(loads, load{
			Name: fmt.Sprintf("login, %d %s", b.GroupsOfUser, name), About: about(users, more), forms: b.systems(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				return b.rushOfMembers(ctx, s.(grouper), users, make)
			},
		})
	}
	add("own groups", " who are alone in their groups", membersOf(b.Logins, b.GroupsOfUser), b.ownGroups)
	add("shared groups", " of the same groups", min(b.Logins, 1+proto.MaxInvited), b.sharedGroups)
	return loads
}

// mostMade is how many groups are made at most before logins are measured. It bounds the
// number of users.
const mostMade = 20_000

// membersOf returns how many of the users get groups of their own.
func membersOf(users, groups int) int { return min(users, max(1, mostMade/groups)) }

// grouper is a system in which the i-th user, who is logged in, can make a group.
type grouper interface {
	system
	ownGroup(ctx context.Context, i int) error
}

// ownGroups makes groups in which each user is alone. No node holds such a group before
// its user connects.
func (b *bench) ownGroups(ctx context.Context, s grouper, users int) error {
	return each(ctx, users*b.GroupsOfUser, func(ctx context.Context, i int) error { return s.ownGroup(ctx, i%users) })
}

// sharedGroups makes groups that all users are members of. The node holds these groups as
// soon as the first user is connected.
func (b *bench) sharedGroups(ctx context.Context, s grouper, users int) error {
	return each(ctx, b.GroupsOfUser, func(ctx context.Context, _ int) error {
		_, err := s.group(ctx, users)
		return err
	})
}

func (b *bench) rushOfMembers(ctx context.Context, s grouper, users int, make func(context.Context, grouper, int) error) ([]Figure, Check, error) {
	if _, err := b.seats(ctx, s, users); err != nil {
		return nil, Check{}, err
	}
	if err := make(ctx, s, users); err != nil {
		return nil, Check{}, fmt.Errorf("make groups: %w", err)
	}
	return b.rush(ctx, s, users)
}

// rush measures the logins of the first users, who are registered.
func (b *bench) rush(ctx context.Context, s system, users int) ([]Figure, Check, error) {
	requests, err := startWatch(s.processes())
	if err != nil {
		return nil, Check{}, err
	}
	seats, err := s.login(ctx, 0, users)
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
		figures = append(figures, microseconds("CPU a login with its connection", asked.total()+connected.total(), n))
	}
	return figures, Check{}, nil
}
