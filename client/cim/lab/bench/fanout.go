package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// fanout returns the loads in which one publisher writes to everyone.
func (b *bench) fanout() []load {
	everyone := func(system, context.Context, int) (int64, error) { return proto.Everyone, nil }
	about := fmt.Sprintf("%d clients in one room, one publisher", b.Members)
	return []load{
		{
			Name: "fanout, max", About: fmt.Sprintf("%s, %d messages outstanding", about, outstanding), forms: b.forms(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				return b.inRoom(ctx, s, b.Members, nil, everyone)
			},
		},
		{
			Name: "fanout, paced", About: fmt.Sprintf("%s, %g messages a second", about, b.Publish), forms: b.forms(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				steady := newPace(b.Publish)
				return b.inRoom(ctx, s, b.Members, &steady, everyone)
			},
		},
	}
}

// groups returns the loads in which one publisher writes to a group whose members are on
// several nodes. Each group gets messages at a steady pace. The largest group also gets
// them as fast as possible.
func (b *bench) groups() []load {
	var loads []load
	add := func(members int, mode, rate string, pace func() *pace) {
		loads = append(loads, load{
			Name:  fmt.Sprintf("group of %d%s", members, mode),
			About: fmt.Sprintf("a group of %d members, %d nodes, %s", members, b.Nodes, rate),
			forms: b.forms(b.Nodes),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				return b.inRoom(ctx, s, members, pace(), system.group)
			},
		})
	}
	for _, members := range b.Groups {
		add(members, "", fmt.Sprintf("%g messages a second", b.Publish), func() *pace {
			steady := newPace(b.Publish)
			return &steady
		})
	}
	add(slices.Max(b.Groups), ", max", fmt.Sprintf("%d messages outstanding", outstanding), func() *pace { return nil })
	return loads
}

// inRoom measures one user who writes to many others.
func (b *bench) inRoom(ctx context.Context, s system, members int, pace *pace,
	open func(s system, ctx context.Context, users int) (int64, error)) ([]Figure, Check, error) {
	seats, err := b.seats(ctx, s, members+1)
	if err != nil {
		return nil, Check{}, err
	}
	group, err := open(s, ctx, len(seats))
	if err != nil {
		return nil, Check{}, err
	}
	_, bare := s.(bare)
	r := newRoom(len(seats), group, b.Text, pace, !bare)
	if r.pool, err = loadclients.New(r, false); err != nil {
		return nil, Check{}, err
	}
	defer r.pool.Close()
	if err := seat(ctx, r.pool, seats); err != nil {
		return nil, Check{}, err
	}
	used, err := b.drive(ctx, s, r.pool, r)
	if err != nil {
		return nil, Check{}, err
	}
	return r.figures(used), r.verdict(), nil
}
