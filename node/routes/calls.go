package routes

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto"
)

// Sessions has the calls of hop.proto that are about connections.
//
// Implementations of Sessions and Messages are safe for concurrent use, return when ctx
// ends, and never repeat a Send on their own. After an error the outcome of every item
// is unknown, unless Untouched reports that nothing was done.
type Sessions interface {
	Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error)
	Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
	Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error)
}

// Messages has the calls of hop.proto that are about messages.
type Messages interface {
	Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error)
	Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error)
	Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error)
}

// Calls makes the calls of one node. It names the node in each request and ends each
// call after Timeout. It is safe for concurrent use.
type Calls struct {
	Sessions Sessions
	Messages Messages
	Origin   *proto.Origin // this node
	Timeout  time.Duration // for one call; positive
}

// Report reports sessions that opened or closed, and what devices acknowledged.
func (c *Calls) Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Sessions.Report)
}

// Reconcile compares what the node holds with the store.
func (c *Calls) Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Sessions.Reconcile)
}

// Move gets tickets for other nodes.
func (c *Calls) Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Sessions.Move)
}

// Send makes a route store messages.
func (c *Calls) Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Messages.Send)
}

// Pull reads a page of a log.
func (c *Calls) Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Messages.Pull)
}

// Fire makes a route send the delayed messages that are due. With FireRequest.Keys it
// only reads the keys of tickets.
func (c *Calls) Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	r.Origin = c.Origin
	return within(ctx, c.Timeout, r, c.Messages.Fire)
}

// within makes one call, and ends it after limit.
func within[Q, A any](ctx context.Context, limit time.Duration, r Q, call func(context.Context, Q) (A, error)) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx, r)
}
