package routefn

import (
	"errors"
	"net"
	"net/http"
	"testing"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
)

// ways returns the three ways in which a node calls a route. Each function sends a
// request and returns the answer, or the code of the refusal.
func (w *world) ways() map[string]func(*proto.SendRequest) (*proto.SendAnswer, proto.Code) {
	dial, err := stream.Dialer(w.server.URL+proto.PathNodeStream,
		func() http.Header { return http.Header{"Authorization": {"Bearer " + serviceToken}} }, new(net.Dialer).DialContext, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := stream.NewClient(stream.ClientConfig{Dial: dial})
	w.t.Cleanup(client.Close)
	decode := func(status int, b []byte) (*proto.SendAnswer, proto.Code) {
		if status != http.StatusOK {
			return nil, w.decode(status, b, nil)
		}
		answer := new(proto.SendAnswer)
		if err := pb.Unmarshal(b, answer); err != nil {
			w.t.Fatal(err)
		}
		return answer, proto.OK
	}
	encode := func(q *proto.SendRequest) []byte {
		b, err := pb.Marshal(q)
		if err != nil {
			w.t.Fatal(err)
		}
		return b
	}
	return map[string]func(*proto.SendRequest) (*proto.SendAnswer, proto.Code){
		"http": func(q *proto.SendRequest) (*proto.SendAnswer, proto.Code) {
			status, _, b := w.call(http.MethodPost, proto.PathNodeSend, serviceToken, proto.ContentProtobuf, string(encode(q)))
			return decode(status, b)
		},
		"stream": func(q *proto.SendRequest) (*proto.SendAnswer, proto.Code) {
			a, err := client.Call(w.t.Context(), proto.PathNodeSend, encode(q))
			if err != nil {
				w.t.Fatal(err)
			}
			return decode(a.Status, a.Body)
		},
		"direct": func(q *proto.SendRequest) (*proto.SendAnswer, proto.Code) {
			answer, err := w.route.Direct().Send(w.t.Context(), q)
			if e, ok := errors.AsType[*proto.Error](err); ok {
				return nil, e.Code
			}
			return answer, proto.OK
		},
	}
}

func TestNodeCallsAreTheSameByEveryWay(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	q := &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{
		{Session: alice.session, Id: "1", To: bob.User, Text: "one", Again: true},
		{Session: alice.session, Id: "2", To: bob.User}, // without a text
	}}
	for name, send := range w.ways() {
		answer, code := send(q)
		if code != proto.OK || len(answer.Items) != 2 {
			t.Fatalf("%s: %v, %v", name, code, answer)
		}
		if at := answer.Items[0].At.GetNumber(); at != 2 || answer.Items[1].Code != int32(proto.Invalid) {
			t.Errorf("%s: %v", name, answer.Items)
		}
		if _, code := send(&proto.SendRequest{Items: q.Items}); code != proto.Invalid {
			t.Errorf("%s, without an origin: %v", name, code)
		}
	}
	if got := w.pull(bob.Token, proto.Position{}).Messages; len(got) != 1 {
		t.Errorf("bob has %d messages, want 1", len(got))
	}
}

func TestStreamNeedsTheServiceToken(t *testing.T) {
	w := newWorld(t, nil)
	for _, bearer := range []string{"", "guess"} {
		if status, _, _ := w.call(http.MethodGet, proto.PathNodeStream, bearer, "", ""); status != http.StatusUnauthorized {
			t.Errorf("bearer %q: %d", bearer, status)
		}
	}
}

// A function is frozen between requests: it offers no streams and uses none.
func TestPlainHopUsesRequestsOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.PlainHop = true })
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hello"})
	w.flush()
	if got := len(bob.node.items()); got != 1 {
		t.Errorf("%d pushes", got)
	}
	if bob.node.streamed.Load() > 0 {
		t.Error("a stream was opened")
	}
	if status, _, _ := w.call(http.MethodGet, proto.PathNodeStream, serviceToken, "", ""); status != http.StatusNotFound {
		t.Errorf("a stream is offered: %d", status)
	}
}

// If a node offers no streams, or something on the way does not let them through, it is
// pushed to by HTTP.
func TestNodeWithoutStreamsIsPushedTo(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for _, n := range w.nodes {
		n.streams.Close()
	}
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hello"})
	w.flush()
	if got := len(bob.node.items()); got != 1 {
		t.Errorf("%d pushes", got)
	}
}
