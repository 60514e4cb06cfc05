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
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
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
				if _, err := rt.callerOf(w, r); err != nil {
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
	if err := rt.checkCaller(ctx, q.GetOrigin()); err != nil {
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

// checkCaller checks that the node named in a request is a member, and that this node has
// proved itself. If a token is enough and the caller has no certificate, checkCaller
// accepts every node.
func (rt *Route) checkCaller(ctx context.Context, o *proto.Origin) error {
	caller := cert.CallerOf(ctx)
	if caller == nil {
		return nil
	}
	if caller.ID != o.GetNode() {
		return proto.Err(proto.Unauthorized, "The certificate belongs to another node.")
	}
	view, err := rt.all(ctx)
	if err != nil {
		return nil // the members are not known, so the certificate is enough
	}
	if err := rt.cfg.Roster.Origin(o, view); err != nil {
		return fmt.Errorf("%w: %w", proto.Err(proto.Unavailable, "This route does not know the node as a member."), err)
	}
	return nil
}

// callerOf returns the caller that has proved itself by its certificate. It returns nil if
// the caller has a token and a token is enough. The error has the code Unauthorized.
func (rt *Route) callerOf(w http.ResponseWriter, r *http.Request) (*cert.Caller, error) {
	if r.Context().Value(judgedKey{}) != nil {
		return cert.CallerOf(r.Context()), nil
	}
	caller, err := rt.gate.Check(r, cert.Node)
	if err != nil {
		rt.gate.Refuse(w.Header())
		message := "The service token is needed."
		if rt.cfg.Certs != nil {
			message = "The certificate of a node is needed, or -accept-cluster-key at this route."
		}
		return nil, fmt.Errorf("%w: %w", proto.Err(proto.Unauthorized, message), err)
	}
	sourceip.Proved(r.Context())
	return caller, nil
}

// judgedKey is in the context of a request whose caller callerOf has accepted before.
type judgedKey struct{}

// judged returns a context for a request whose caller was accepted.
func judged(ctx context.Context, caller *cert.Caller) context.Context {
	return context.WithValue(cert.WithCaller(ctx, caller), judgedKey{}, true)
}

// serveKeys serves GET /node/keys, which has no body.
func serveKeys(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, name, body.JSON, func(context.Context) (any, error) {
		if _, err := rt.callerOf(w, r); err != nil {
			return nil, err
		}
		return rt.node.Keys()
	})
}

// serveStream serves GET /node/stream. The connection then carries the requests of a
// node. serveStream returns when the stream ends, or when the route is closed.
func (rt *Route) serveStream(w http.ResponseWriter, r *http.Request) {
	caller, err := rt.callerOf(w, r)
	if err != nil {
		e := rt.codes.Of(err)
		body.Fail(w, e.Code.HTTPStatus(), e)
		return
	}
	rt.streams.ServeHTTP(w, r.WithContext(judged(r.Context(), caller)))
}

// handleStreamed serves one request of a stream. It appends the answer to the bytes in
// dst.
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

// failStreamed appends an error as JSON. It panics if encoding fails, which cannot happen
// for this type.
func failStreamed(dst []byte, failed *proto.Error) ([]byte, int, time.Duration) {
	status := failure.Status(failed)
	text, err := json.Marshal(body.ErrorAnswer(failed))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	return append(dst, text...), status, body.RetryAfter(status)
}

// Direct answers a node in the same process by function calls. Its errors are
// *proto.Error, like those that a node gets from an HTTP answer.
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

// TicketKeys is GET /node/keys. It returns the public keys that verify tickets.
func (d Direct) TicketKeys() []ed25519.PublicKey {
	return d.rt.cfg.Issuer.Public()
}
