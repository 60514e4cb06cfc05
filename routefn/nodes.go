package routefn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/routefn/record"
)

// nodeTimeout is what a node has for any answer. A node that is well answers in
// one or two, and nobody waits for one that is not.
const nodeTimeout = 300 * time.Millisecond

// maxNodeAnswer bounds what a node may answer: a page of users, or a result for
// every item of a push.
const maxNodeAnswer = 4 << 20

// nodes asks nodes. Their addresses come from records and members, which only
// those who hold the cluster's keys can write.
type nodes struct {
	// Set by newNodes and Near.
	http   *http.Client
	tokens *serviceTokens
	plain  bool // no streams
	nearAt string
	near   func(*proto.PushRequest) *proto.PushAnswer // nil: no node is in this process

	mu      sync.Mutex
	streams map[string]*nodeStream // by address
	closed  bool
}

// nodeStream is the stream to one node.
type nodeStream struct {
	*stream.Client
	used time.Time // guarded by the mu of nodes
}

// forgetAfter is how long a stream to a node is kept that nothing was pushed to:
// nodes come and go. Its connection ends before.
const forgetAfter = 10 * time.Minute

func newNodes(c Config, tokens *serviceTokens) *nodes {
	return &nodes{http: c.HTTP, tokens: tokens, plain: c.PlainHop, streams: make(map[string]*nodeStream)}
}

// isNear reports whether the node at address is in this process.
func (n *nodes) isNear(address string) bool { return n.near != nil && address == n.nearAt }

// push hands everything in q to the node at address, which has nodeTimeout.
func (n *nodes) push(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error) {
	if n.isNear(address) {
		return n.near(q), nil
	}
	body, err := pb.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode push: %w", err)
	}
	b, err := n.post(ctx, address, body)
	if err != nil {
		return nil, err
	}
	answer := new(proto.PushAnswer)
	if err := pb.Unmarshal(b, answer); err != nil {
		return nil, fmt.Errorf("decode push answer: %w", err)
	}
	if len(answer.Items) != len(q.Items) {
		return nil, errors.New("push answer has another number of items")
	}
	return answer, nil
}

// post sends a push by the stream to the node, or as a request of its own to one
// that offers none.
func (n *nodes) post(ctx context.Context, address string, body []byte) ([]byte, error) {
	if to := n.stream(address); to != nil {
		ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
		defer cancel()
		answer, err := to.Call(ctx, proto.PathPush, body)
		switch {
		case errors.Is(err, stream.ErrRefused):
		case err != nil:
			return nil, err
		case answer.Status != http.StatusOK:
			return nil, fmt.Errorf("node answers %d", answer.Status)
		default:
			return answer.Body, nil
		}
	}
	return n.do(ctx, http.MethodPost, url.URL{Scheme: "http", Host: address, Path: proto.PathPush}, body)
}

// stream returns the stream to a node, or nil if there is none to be used.
func (n *nodes) stream(address string) *nodeStream {
	if n.plain {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	s := n.streams[address]
	if s == nil {
		n.forgetLocked(time.Now())
		header := func() http.Header { return http.Header{"Authorization": {n.tokens.bearer()}} }
		dial, err := stream.Dialer("http://"+address+proto.PathPushStream, header, (&net.Dialer{Timeout: nodeTimeout}).DialContext, nil)
		if err != nil {
			return nil // an address that nobody can call: the request says so
		}
		s = &nodeStream{Client: stream.NewClient(stream.ClientConfig{
			Dial: dial, MaxAnswer: maxNodeAnswer, WriteTimeout: nodeTimeout,
		})}
		n.streams[address] = s
	}
	s.used = time.Now()
	return s
}

// forgetLocked lets go of nodes that nothing is pushed to any more.
func (n *nodes) forgetLocked(now time.Time) {
	for address, s := range n.streams {
		if now.Sub(s.used) > forgetAfter {
			delete(n.streams, address)
			s.Close() // it has no connection left: Close does not block
		}
	}
}

func (n *nodes) close() {
	n.mu.Lock()
	n.closed = true
	streams := slices.Collect(maps.Values(n.streams))
	n.mu.Unlock()
	for _, s := range streams {
		s.Close()
	}
}

// holds asks the recorded node whether the connection is there. No answer means
// no. It does not wait behind the pushes to that node.
func (n *nodes) holds(ctx context.Context, user int64, s record.Session) bool {
	answer, err := n.push(ctx, s.Addr, &proto.PushRequest{
		Boot: s.Boot, Items: []*proto.PushItem{{User: user, Numbers: []int64{s.Number}}},
	})
	return err == nil && !slices.Contains(answer.Items[0].Gone, s.Number)
}

// online asks for one page of the users that the node at address holds.
func (n *nodes) online(ctx context.Context, address string, query url.Values) (proto.OnlineAnswer, error) {
	u := url.URL{Scheme: "http", Host: address, Path: proto.PathNodeOnline, RawQuery: query.Encode()}
	b, err := n.do(ctx, http.MethodGet, u, nil)
	if err != nil {
		return proto.OnlineAnswer{}, err
	}
	var answer proto.OnlineAnswer
	if err := json.Unmarshal(b, &answer); err != nil {
		return proto.OnlineAnswer{}, fmt.Errorf("decode online users: %w", err)
	}
	return answer, nil
}

func (n *nodes) do(ctx context.Context, method string, u url.URL, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", n.tokens.bearer())
	if body != nil {
		r.Header.Set("Content-Type", proto.ContentProtobuf)
		// Not sent: it tells net/http that a push which came twice is one, so that it may
		// be repeated if the node closed an idle connection meanwhile.
		r.Header["Idempotency-Key"] = nil
	}
	response, err := n.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("node answers %s", response.Status)
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, maxNodeAnswer))
	if err != nil {
		return nil, fmt.Errorf("read node's answer: %w", err)
	}
	return b, nil
}
