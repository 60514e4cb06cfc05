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
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Sessions.Report(ctx, r)
}

// Reconcile compares what the node holds with the store.
func (c *Calls) Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Sessions.Reconcile(ctx, r)
}

// Move gets tickets for other nodes.
func (c *Calls) Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Sessions.Move(ctx, r)
}

// Send makes a route store messages.
func (c *Calls) Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Messages.Send(ctx, r)
}

// Pull reads a page of a log.
func (c *Calls) Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Messages.Pull(ctx, r)
}

// Fire makes a route send the delayed messages that are due. With FireRequest.Keys it
// only reads the keys of tickets.
func (c *Calls) Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r.Origin = c.Origin
	return c.Messages.Fire(ctx, r)
}
