package node

import (
	"context"

	"github.com/cim-go/cim/proto"
)

// Route is what a node needs of the routes: the six calls of hop.proto. Uplink
// is the one over HTTP. Implementations are safe for concurrent use, respect
// ctx, and never repeat a Send on their own: an error means that the outcome of
// every item is unknown, unless it is a refusal of Uplink's before anything was
// done.
type Route interface {
	Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error)
	Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error)
	Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
	Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error)
	Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error)
	Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error)
}
