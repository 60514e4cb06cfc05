package routefn

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// A nodeRequest is a body of hop.proto.
type nodeRequest interface {
	pb.Message
	GetOrigin() *proto.Origin
}

// A nodeCall is a use case of nodes. It reaches a route by one of three ways, and
// is the same in all: an HTTP request, a call on a stream, or a call of Direct.
type nodeCall[Q nodeRequest, A pb.Message] struct {
	name string // in the metrics
	make func() Q
	run  func(*Route, context.Context, Q) (A, error)
}

var (
	nodeReport = nodeCall[*proto.ReportRequest, *proto.ReportAnswer]{
		"node-report", func() *proto.ReportRequest { return new(proto.ReportRequest) }, (*Route).report}
	nodeSend = nodeCall[*proto.SendRequest, *proto.SendAnswer]{
		"node-send", func() *proto.SendRequest { return new(proto.SendRequest) }, (*Route).sendBatch}
	nodeReconcile = nodeCall[*proto.ReconcileRequest, *proto.ReconcileAnswer]{
		"node-reconcile", func() *proto.ReconcileRequest { return new(proto.ReconcileRequest) }, (*Route).reconcile}
	nodePull = nodeCall[*proto.PullRequest, *proto.PullAnswer]{
		"node-pull", func() *proto.PullRequest { return new(proto.PullRequest) }, (*Route).pullForNode}
	nodeMove = nodeCall[*proto.MoveRequest, *proto.MoveAnswer]{
		"node-move", func() *proto.MoveRequest { return new(proto.MoveRequest) }, (*Route).move}
	nodeFire = nodeCall[*proto.FireRequest, *proto.FireAnswer]{
		"node-fire", func() *proto.FireRequest { return new(proto.FireRequest) }, (*Route).fireForNode}
)

// streamed are the calls that a stream takes, by the path that they have over HTTP.
var streamed = map[string]func(rt *Route, ctx context.Context, body []byte) (any, *proto.Error){
	proto.PathNodeReport:    nodeReport.decoded,
	proto.PathNodeSend:      nodeSend.decoded,
	proto.PathNodeReconcile: nodeReconcile.decoded,
	proto.PathNodePull:      nodePull.decoded,
	proto.PathNodeMove:      nodeMove.decoded,
	proto.PathNodeFire:      nodeFire.decoded,
}

func (c *nodeCall[Q, A]) answer(rt *Route, ctx context.Context, q Q) (any, error) {
	if err := checkOrigin(q.GetOrigin()); err != nil {
		return nil, err
	}
	return c.run(rt, ctx, q)
}

func (c *nodeCall[Q, A]) decoded(rt *Route, ctx context.Context, body []byte) (any, *proto.Error) {
	return rt.carryOut(ctx, c.name, new(manner), func(ctx context.Context) (any, error) {
		q := c.make()
		if err := unmarshal(body, q); err != nil {
			return nil, err
		}
		return c.answer(rt, ctx, q)
	})
}

// serveNode is the way over HTTP.
func serveNode[Q nodeRequest, A pb.Message](rt *Route, w http.ResponseWriter, r *http.Request, c nodeCall[Q, A]) {
	rt.serve(w, r, c.name, protobufFormat, func(ctx context.Context) (any, error) {
		if err := rt.fromNode(r); err != nil {
			return nil, err
		}
		q := c.make()
		if err := decodeProtobuf(w, r, q); err != nil {
			return nil, err
		}
		return c.answer(rt, ctx, q)
	})
}

// NodeStream serves GET /node/stream: the calls of a node over one connection. It
// returns when the stream ends, at the latest when the route is closed.
func (rt *Route) NodeStream(w http.ResponseWriter, r *http.Request) {
	if err := rt.fromNode(r); err != nil {
		e := rt.asError(err)
		failJSON(w, e.Code.HTTPStatus(), e)
		return
	}
	rt.streams.ServeHTTP(w, r)
}

// handleStreamed carries out one call of a stream.
func (rt *Route) handleStreamed(ctx context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
	var answer any
	failed := proto.Err(proto.NotFound, "")
	if call, ok := streamed[path]; ok {
		answer, failed = call(rt, ctx, body)
	}
	if failed != nil {
		status := statusOf(failed)
		text, err := json.Marshal(errorAnswer(failed))
		if err != nil {
			panic(fmt.Sprintf("answer cannot be encoded: %v", err)) // our own types: a programmer's mistake
		}
		return append(dst, text...), status, retryAfter(status)
	}
	b, err := pb.MarshalOptions{}.MarshalAppend(dst, answer.(pb.Message))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	return b, http.StatusOK, 0
}

// Direct answers a node in the same process by function calls. Its errors are
// *proto.Error, as those that a node reads from an answer.
type Direct struct{ rt *Route }

// Direct returns the route as a node in the same process sees it.
func (rt *Route) Direct() Direct { return Direct{rt} }

func direct[Q nodeRequest, A pb.Message](ctx context.Context, rt *Route, q Q, c nodeCall[Q, A]) (answer A, err error) {
	body, failed := rt.carryOut(ctx, c.name, new(manner), func(ctx context.Context) (any, error) { return c.answer(rt, ctx, q) })
	if failed != nil {
		return answer, failed
	}
	return body.(A), nil
}

// Report is nodes' POST /node/report.
func (d Direct) Report(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	return direct(ctx, d.rt, q, nodeReport)
}

// Send is nodes' POST /node/send.
func (d Direct) Send(ctx context.Context, q *proto.SendRequest) (*proto.SendAnswer, error) {
	return direct(ctx, d.rt, q, nodeSend)
}

// Reconcile is nodes' POST /node/reconcile.
func (d Direct) Reconcile(ctx context.Context, q *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	return direct(ctx, d.rt, q, nodeReconcile)
}

// Pull is nodes' POST /node/pull.
func (d Direct) Pull(ctx context.Context, q *proto.PullRequest) (*proto.PullAnswer, error) {
	return direct(ctx, d.rt, q, nodePull)
}

// Move is nodes' POST /node/move.
func (d Direct) Move(ctx context.Context, q *proto.MoveRequest) (*proto.MoveAnswer, error) {
	return direct(ctx, d.rt, q, nodeMove)
}

// Fire is nodes' POST /node/fire.
func (d Direct) Fire(ctx context.Context, q *proto.FireRequest) (*proto.FireAnswer, error) {
	return direct(ctx, d.rt, q, nodeFire)
}

// TicketKeys is nodes' GET /node/keys.
func (d Direct) TicketKeys() []ed25519.PublicKey {
	return d.rt.cfg.Issuer.Public()
}
