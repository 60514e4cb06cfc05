package routefn

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity"
)

// fakeNode answers like a node that holds the connections it was given.
type fakeNode struct {
	server  *httptest.Server
	streams *stream.Server
	origin  *proto.Origin

	accepted atomic.Int64 // connections since it was restarted
	streamed atomic.Int64 // streams

	mu       sync.Mutex
	here     map[int64]bool // numbers of sessions
	pushed   []*proto.PushRequest
	users    []proto.User
	inFlight int
	mostBusy int
	hang     chan struct{} // while not nil, requests wait until it is closed
}

func (w *world) addNode(id string) *fakeNode {
	n := &fakeNode{here: make(map[int64]bool)}
	n.streams = stream.NewServer(stream.ServerConfig{Handle: n.handle})
	n.server = httptest.NewServer(n)
	address := strings.TrimPrefix(n.server.URL, "http://")
	n.origin = &proto.Origin{Node: id, Boot: uint64(len(w.nodes) + 1), Address: address}
	w.nodes[id] = n
	w.table.Set(append(append([]ring.Member{}, w.table.Current().Members()...), ring.Member{
		ID: id, Boot: n.origin.Boot, Client: "127.0.0.1:" + strconv.Itoa(11211+len(w.nodes)), HTTP: address,
		Weight: 1000, State: ring.Serving,
	}))
	return n
}

func (n *fakeNode) stop() {
	n.resume()
	n.streams.Close()
	n.server.Close()
}

func (n *fakeNode) pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hang = make(chan struct{})
}

func (n *fakeNode) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hang != nil {
		close(n.hang)
		n.hang = nil
	}
}

func (n *fakeNode) leave(number int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.here, number)
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if identity.Bearer(r) != serviceToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == proto.PathPushStream {
		n.streamed.Add(1)
		n.streams.ServeHTTP(w, r)
		return
	}
	encoded, _ := io.ReadAll(r.Body)
	defer n.busy()()
	if r.URL.Path == proto.PathNodeOnline {
		body.WriteJSON(w, http.StatusOK, n.page(r.URL.Query()))
		return
	}
	var q proto.PushRequest
	if err := pb.Unmarshal(encoded, &q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body.WriteProtobuf(w, n.take(&q))
}

// handle answers a push that came on a stream.
func (n *fakeNode) handle(_ context.Context, _ string, body, dst []byte) ([]byte, int, time.Duration) {
	defer n.busy()()
	var q proto.PushRequest
	if err := pb.Unmarshal(body, &q); err != nil {
		return dst, http.StatusBadRequest, 0
	}
	answer, err := pb.MarshalOptions{}.MarshalAppend(dst, n.take(&q))
	if err != nil {
		return dst, http.StatusInternalServerError, 0
	}
	return answer, http.StatusOK, 0
}

// busy counts a request and waits while the node is paused. It returns with mu held.
// The returned function unlocks mu and ends the counting.
func (n *fakeNode) busy() func() {
	n.mu.Lock()
	n.inFlight++
	n.mostBusy = max(n.mostBusy, n.inFlight)
	hang := n.hang
	n.mu.Unlock()
	if hang != nil {
		<-hang
	}
	n.mu.Lock()
	n.inFlight--
	return n.mu.Unlock
}

// take answers a push. It remembers the push, unless it is only a question.
func (n *fakeNode) take(q *proto.PushRequest) *proto.PushAnswer {
	n.pushed = append(n.pushed, q)
	answer := &proto.PushAnswer{Boot: n.origin.Boot}
	for _, item := range q.Items {
		result := &proto.PushResult{}
		for _, number := range item.Numbers {
			if !n.here[number] || q.Boot != n.origin.Boot {
				result.Gone = append(result.Gone, number)
			}
		}
		answer.Items = append(answer.Items, result)
	}
	return answer
}

func (n *fakeNode) page(q url.Values) proto.OnlineAnswer {
	p, _ := check.ParsePage(q)
	answer := proto.OnlineAnswer{Total: int64(len(n.users))}
	for _, u := range n.users {
		if u.User <= p.After || !strings.HasPrefix(u.Name, p.Prefix) {
			continue
		}
		if len(answer.Users) == p.Limit {
			answer.Next = answer.Users[p.Limit-1].User
			break
		}
		answer.Users = append(answer.Users, u)
	}
	return answer
}

// items returns the items that were pushed. kicks returns the connections that the node
// was told to close.
func (n *fakeNode) items() (list []*proto.PushItem) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.pushed {
		for _, item := range q.Items {
			if item.Stored != nil {
				list = append(list, item)
			}
		}
	}
	return list
}

func (n *fakeNode) kicks() (list []*proto.Kick) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.pushed {
		list = append(list, q.Kicks...)
	}
	return list
}
