package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record"
)

// Timeout is how long a node may take for any answer. A healthy node answers within 2
// ms.
const Timeout = 300 * time.Millisecond

// maxAnswer bounds a node's answer, in bytes. An answer is a page of users, or it has a
// result for each item of a push.
const maxAnswer = 4 << 20

// Config configures a Client. HTTP, Tokens and Log are required.
type Config struct {
	HTTP   *http.Client   // for all requests, with or without TLS
	TLS    *tlsfile.Trust // for streams to nodes that speak TLS; nil: the system's authorities
	Tokens *Tokens
	Log    *slog.Logger
	Plain  bool          // use no streams
	Keys   *cert.Keyring // proves this route to nodes; nil: Tokens prove it
	// ShowToken makes the Client send a token beside the proof of Keys, for nodes without
	// a certificate.
	ShowToken bool
}

// Client calls nodes. Make it with New; it is safe for concurrent use. It trusts the
// addresses that callers pass. The addresses come from sessions in the store and from
// members. Only holders of the cluster's keys can write sessions or be members.
type Client struct {
	// Set by New and SetNear.
	cfg    Config
	nearAt string
	near   func(*proto.PushRequest) *proto.PushAnswer // calls the node in this process; nil: there is no such node

	contacts contacts

	mu      sync.Mutex
	streams map[string]*nodeStream // by address
	closed  bool
}

// nodeStream is the stream to one node.
type nodeStream struct {
	*stream.Client
	used time.Time // guarded by Client.mu
}

// New returns a Client. It calls no node.
func New(c Config) *Client {
	return &Client{cfg: c, contacts: contacts{log: c.Log}, streams: make(map[string]*nodeStream)}
}

// SetNear is for a node in this process. Pushes to the node at address become calls of
// the function push. It must be called before all other methods.
func (n *Client) SetNear(address string, push func(*proto.PushRequest) *proto.PushAnswer) {
	n.nearAt, n.near = address, push
}

// IsNear reports whether the node at address is in this process.
func (n *Client) IsNear(address string) bool { return n.near != nil && address == n.nearAt }

// Push sends the request q to the node at address. It returns the node's answer, which
// has a result per item. It blocks for Timeout at most.
func (n *Client) Push(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error) {
	if n.IsNear(address) {
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
		return nil, errors.New("push answer has the wrong number of items")
	}
	return answer, nil
}

// post sends a push on the stream to the node at address, or as an HTTP request if the
// node offers no stream.
func (n *Client) post(ctx context.Context, address string, body []byte) ([]byte, error) {
	if to := n.stream(address); to != nil {
		ctx, cancel := context.WithTimeout(ctx, Timeout)
		defer cancel()
		answer, err := to.Call(ctx, proto.PathPush, body)
		switch {
		case errors.Is(err, stream.ErrRefused):
		case err != nil:
			n.contacts.failed(address, err)
			return nil, err
		case answer.Status != http.StatusOK:
			return nil, fmt.Errorf("node answers %d", answer.Status)
		default:
			return answer.Body, nil
		}
	}
	return n.do(ctx, http.MethodPost, address, proto.PathPush, body)
}

// stream returns the stream to the node at address, or nil if no stream may be used.
func (n *Client) stream(address string) *nodeStream {
	if n.cfg.Plain {
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
		header := func() http.Header {
			h := make(http.Header)
			n.authorize(h, address, http.MethodGet, proto.PathPushStream, nil)
			return h
		}
		dial, err := stream.Dialer(ring.BaseURL(address)+proto.PathPushStream, header, (&net.Dialer{Timeout: Timeout}).DialContext, n.cfg.TLS.Client)
		if err != nil {
			return nil // the address is malformed; the HTTP request will return the error
		}
		s = &nodeStream{Client: stream.NewClient(stream.ClientConfig{
			Dial: dial, MaxAnswer: maxAnswer, WriteTimeout: Timeout,
		})}
		n.streams[address] = s
	}
	s.used = time.Now()
	return s
}

// authorize puts a proof, a service token or both into the header of a request to the node
// at address.
func (n *Client) authorize(header http.Header, address, method, path string, body []byte) {
	if n.cfg.Keys != nil {
		n.cfg.Keys.Prove(header, address, address, method, path, body)
	}
	if n.cfg.Keys == nil || n.cfg.ShowToken {
		header.Set("Authorization", n.cfg.Tokens.bearer())
	}
}

// forgetLocked closes streams that were not used for forgetAfter. The caller holds mu.
func (n *Client) forgetLocked(now time.Time) {
	for address, s := range n.streams {
		if now.Sub(s.used) > forgetAfter {
			delete(n.streams, address)
			s.Close() // Close does not block, because the stream has no connection any more
		}
	}
}

// Close closes all streams, and no stream is used from then on. Close twice is fine.
func (n *Client) Close() {
	n.mu.Lock()
	n.closed = true
	streams := slices.Collect(maps.Values(n.streams))
	n.mu.Unlock()
	for _, s := range streams {
		s.Close()
	}
}

// Holds asks the node of the session s whether the node holds the session's connection. If
// the node does not answer, Holds returns false. The call does not wait behind queued
// pushes.
func (n *Client) Holds(ctx context.Context, user int64, s record.Session) bool {
	answer, err := n.Push(ctx, s.Addr, &proto.PushRequest{
		Boot: s.Boot, Items: []*proto.PushItem{{User: user, Numbers: []int64{s.Number}}},
	})
	return err == nil && !slices.Contains(answer.Items[0].Gone, s.Number)
}

// online returns a page of the users that the node at address holds.
func (n *Client) online(ctx context.Context, address string, query url.Values) (proto.OnlineAnswer, error) {
	b, err := n.do(ctx, http.MethodGet, address, proto.PathNodeOnline+"?"+query.Encode(), nil)
	if err != nil {
		return proto.OnlineAnswer{}, err
	}
	var answer proto.OnlineAnswer
	if err := json.Unmarshal(b, &answer); err != nil {
		return proto.OnlineAnswer{}, fmt.Errorf("decode online users: %w", err)
	}
	return answer, nil
}

// do sends a request to the node at address and returns the body of an answer with status
// 200. If the node refuses the proof because its clock differs, do repeats the request
// once.
func (n *Client) do(ctx context.Context, method, address, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	b, refusal, err := n.exchange(ctx, method, address, path, body)
	if refusal != nil && n.cfg.Keys != nil && n.cfg.Keys.Learn(address, refusal) {
		b, _, err = n.exchange(ctx, method, address, path, body)
	}
	return b, err
}

// exchange makes one request. It also returns the header of a refusal.
func (n *Client) exchange(ctx context.Context, method, address, path string, body []byte) (answer []byte, refusal http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, method, ring.BaseURL(address)+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	n.authorize(r.Header, address, method, path, body)
	if body != nil {
		r.Header.Set("Content-Type", proto.ContentProtobuf)
		// The value nil keeps net/http from sending the header. The header's presence
		// allows net/http to repeat the push if the node has closed an idle connection.
		// That is safe, because repeating a push has no further effect.
		r.Header["Idempotency-Key"] = nil
	}
	response, err := n.cfg.HTTP.Do(r)
	if err != nil {
		n.contacts.failed(address, err)
		return nil, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, response.Header, fmt.Errorf("node answers %s", response.Status)
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("read node's answer: %w", err)
	}
	return b, nil, nil
}
