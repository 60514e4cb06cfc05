package routefn

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
)

// A nodeRequest is the body of a node's request, as hop.proto defines it.
type nodeRequest[T any] interface {
	*T
	pb.Message
	GetOrigin() *proto.Origin
}

// fromNode turns a use case into a request that nodes can send. Nodes send it over
// HTTP, on a stream, or by a method of Direct, with the same result.
func fromNode[T any, Q nodeRequest[T], A pb.Message](name, path string, run func(context.Context, Q) (A, error)) request {
	return request{
		name: name, methods: post, path: path,
		handler: func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
			rt.serve(w, r, name, body.Protobuf, func(ctx context.Context) (any, error) {
				if err := rt.checkServiceToken(r); err != nil {
					return nil, err
				}
				q := Q(new(T))
				if err := body.ReadProtobuf(w, r, q); err != nil {
					return nil, err
				}
				return answerNode(ctx, rt, q, run)
			})
		},
		streamed: func(ctx context.Context, rt *Route, encoded []byte) (any, *proto.Error) {
			return rt.carryOut(ctx, name, new(manner), func(ctx context.Context) (any, error) {
				q := Q(new(T))
				if err := body.Unmarshal(encoded, q); err != nil {
					return nil, err
				}
				return answerNode(ctx, rt, q, run)
			})
		},
	}
}

func answerNode[T any, Q nodeRequest[T], A pb.Message](ctx context.Context, rt *Route, q Q, run func(context.Context, Q) (A, error)) (any, error) {
	if err := checkOrigin(q.GetOrigin()); err != nil {
		return nil, err
	}
	if rt.cfg.Heard != nil {
		rt.cfg.Heard(q.GetOrigin().GetAddress())
	}
	return run(ctx, q)
}

// checkOrigin checks the name, boot and address by which a node introduces itself.
// Pushes for the node's sessions go to that address.
func checkOrigin(o *proto.Origin) error {
	if o.GetNode() == "" || o.GetBoot() == 0 {
		return check.Invalid("The origin has no node or no boot.")
	}
	address, _ := ring.HostPort(o.GetAddress())
	if _, _, err := net.SplitHostPort(address); err != nil {
		return check.Invalid("The origin's address is not host:port.")
	}
	return nil
}

// checkServiceToken returns an error with the code Unauthorized unless the request bears
// the service token.
func (rt *Route) checkServiceToken(r *http.Request) error {
	if !rt.tokens.Accept(identity.Bearer(r)) {
		return proto.Err(proto.Unauthorized, "The service token is needed.")
	}
	sourceip.Proved(r.Context())
	return nil
}

// serveKeys serves GET /node/keys, which has no body.
func serveKeys(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, name, body.JSON, func(context.Context) (any, error) {
		if err := rt.checkServiceToken(r); err != nil {
			return nil, err
		}
		return rt.node.Keys()
	})
}

// serveStream serves GET /node/stream: one connection that carries the requests of a
// node. It returns when the stream ends, at the latest when the route is closed.
func (rt *Route) serveStream(w http.ResponseWriter, r *http.Request) {
	if err := rt.checkServiceToken(r); err != nil {
		e := rt.codes.Of(err)
		body.Fail(w, e.Code.HTTPStatus(), e)
		return
	}
	rt.streams.ServeHTTP(w, r)
}

// handleStreamed serves one request of a stream. It appends the answer to dst.
func (rt *Route) handleStreamed(ctx context.Context, path string, encoded, dst []byte) ([]byte, int, time.Duration) {
	call, ok := rt.streamed[path]
	if !ok {
		return failStreamed(dst, proto.Err(proto.NotFound, ""))
	}
	answer, failed := call(ctx, rt, encoded)
	if failed != nil {
		return failStreamed(dst, failed)
	}
	b, err := pb.MarshalOptions{}.MarshalAppend(dst, answer.(pb.Message))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	return b, http.StatusOK, 0
}

// failStreamed appends an error as JSON. Encoding cannot fail for this type, so it
// panics if it does.
func failStreamed(dst []byte, failed *proto.Error) ([]byte, int, time.Duration) {
	status := failure.Status(failed)
	text, err := json.Marshal(body.ErrorAnswer(failed))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	return append(dst, text...), status, body.RetryAfter(status)
}

// Direct answers a node in the same process by function calls. Its errors are
// *proto.Error, as a node also gets them from an HTTP answer.
type Direct struct{ rt *Route }

// Direct returns the calls of the route for a node in the same process.
func (rt *Route) Direct() Direct { return Direct{rt} }

func direct[T any, Q nodeRequest[T], A pb.Message](ctx context.Context, rt *Route, name string, q Q, run func(context.Context, Q) (A, error)) (answer A, err error) {
	a, failed := rt.carryOut(ctx, name, new(manner), func(ctx context.Context) (any, error) { return answerNode(ctx, rt, q, run) })
	if failed != nil {
		return answer, failed
	}
	return a.(A), nil
}

// Report is POST /node/report.
func (d Direct) Report(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	return direct(ctx, d.rt, nodeReport, q, d.rt.node.Report)
}

// Send is POST /node/send.
func (d Direct) Send(ctx context.Context, q *proto.SendRequest) (*proto.SendAnswer, error) {
	return direct(ctx, d.rt, nodeSend, q, d.rt.node.Send)
}

// Reconcile is POST /node/reconcile.
func (d Direct) Reconcile(ctx context.Context, q *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	return direct(ctx, d.rt, nodeReconcile, q, d.rt.node.Reconcile)
}

// Pull is POST /node/pull.
func (d Direct) Pull(ctx context.Context, q *proto.PullRequest) (*proto.PullAnswer, error) {
	return direct(ctx, d.rt, nodePull, q, d.rt.node.Pull)
}

// Move is POST /node/move.
func (d Direct) Move(ctx context.Context, q *proto.MoveRequest) (*proto.MoveAnswer, error) {
	return direct(ctx, d.rt, nodeMove, q, d.rt.node.Move)
}

// Fire is POST /node/fire.
func (d Direct) Fire(ctx context.Context, q *proto.FireRequest) (*proto.FireAnswer, error) {
	return direct(ctx, d.rt, nodeFire, q, d.rt.node.Fire)
}

// TicketKeys is GET /node/keys: the public keys that verify tickets.
func (d Direct) TicketKeys() []ed25519.PublicKey {
	return d.rt.cfg.Issuer.Public()
}
