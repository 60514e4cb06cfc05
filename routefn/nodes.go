package routefn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
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
	http         *http.Client
	serviceToken string
}

// push hands everything in q to the node at address, which has nodeTimeout.
func (n *nodes) push(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error) {
	body, err := pb.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode push: %w", err)
	}
	u := url.URL{Scheme: "http", Host: address, Path: proto.PathPush}
	b, err := n.do(ctx, http.MethodPost, u, body)
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
	r.Header.Set("Authorization", "Bearer "+n.serviceToken)
	if body != nil {
		r.Header.Set("Content-Type", proto.ContentProtobuf)
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
