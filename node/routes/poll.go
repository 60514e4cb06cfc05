package routes

import (
	"context"
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/token"
)

// Firer makes Fire calls.
type Firer interface {
	Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error)
}

// Losses handles what routes report about losses: when the store last lost something, in
// ms since 1970. Zero means never.
type Losses interface {
	StoreLost(at int64)
}

// Poller makes Fire calls. From each answer it learns the keys of tickets, the time by
// the route's clock, and when the store last lost something. All fields are required. It
// is safe for concurrent use.
type Poller struct {
	Route    Firer
	Verifier *token.Verifier
	Clocks   *skew.Clocks
	Losses   Losses
	Now      func() time.Time // the node's wall clock
	Logger   *slog.Logger
}

// Poll makes a route send the delayed messages that are due. If keys is true, it only
// reads the keys of tickets. It blocks until a route has answered or the call has
// failed.
func (p *Poller) Poll(ctx context.Context, keys bool) (*proto.FireAnswer, error) {
	left := p.Now()
	answer, err := p.Route.Fire(ctx, &proto.FireRequest{Keys: keys, Time: left.UnixMilli()})
	if err != nil {
		return nil, err
	}
	p.Clocks.Saw(answer.GetRoute(), answer.GetTime(), left, p.Now())
	if err := p.Verifier.Learn(answer.GetKeys(), time.Now()); err != nil {
		p.Logger.Warn("answer has no keys of tickets", "err", err)
	}
	p.Losses.StoreLost(answer.GetLost())
	return answer, nil
}
