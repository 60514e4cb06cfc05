package routefn

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

// BenchmarkNodeSend stores a batch of 64 private messages that a node passes on, and
// pushes them to the receiver's node, which is in this process.
func BenchmarkNodeSend(b *testing.B) {
	w := newWorld(b, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.route.Near(bob.node.origin.Address, func(q *proto.PushRequest) *proto.PushAnswer {
		return &proto.PushAnswer{Items: make([]*proto.PushResult, len(q.Items))}
	})
	q := &proto.SendRequest{Origin: alice.node.origin, Items: make([]*proto.SendItem, 64)}
	direct := w.route.Direct()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range q.Items {
			q.Items[i] = &proto.SendItem{Session: alice.session, Id: strconv.Itoa(n*64 + i), To: bob.User, Text: "hello"}
		}
		if _, err := direct.Send(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend stores a private message that a client sends over HTTP.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.route.Near(bob.node.origin.Address, func(q *proto.PushRequest) *proto.PushAnswer {
		return &proto.PushAnswer{Items: make([]*proto.PushResult, len(q.Items))}
	})
	handler, to := w.route.Handler(), strconv.FormatInt(bob.User, 10)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		body := `{"id":"` + strconv.Itoa(n) + `","to":` + to + `,"text":"hello"}`
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, proto.PathSend, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+alice.Token)
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			b.Fatal(answer.Code, answer.Body)
		}
	}
}

// BenchmarkPull reads a page of 500 messages, as a device does that comes back.
func BenchmarkPull(b *testing.B) {
	w := newWorld(b, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.route.Near(bob.node.origin.Address, func(q *proto.PushRequest) *proto.PushAnswer {
		return &proto.PushAnswer{Items: make([]*proto.PushResult, len(q.Items))}
	})
	q := &proto.SendRequest{Origin: alice.node.origin, Items: make([]*proto.SendItem, 100)}
	for n := range 5 {
		for i := range q.Items {
			q.Items[i] = &proto.SendItem{Session: alice.session, Id: strconv.Itoa(n*100 + i), To: bob.User, Text: strings.Repeat("x", 128)}
		}
		if _, err := w.route.Direct().Send(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	handler := w.route.Handler()
	for form, accept := range map[string]string{"json": "*/*", "protobuf": proto.ContentProtobuf} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, proto.PathPull, strings.NewReader(`{"after":{},"limit":500}`))
				r.Header.Set("Authorization", "Bearer "+bob.Token)
				r.Header.Set("Accept", accept)
				answer := httptest.NewRecorder()
				if handler.ServeHTTP(answer, r); answer.Code != http.StatusOK {
					b.Fatal(answer.Code, answer.Body)
				}
				b.SetBytes(int64(answer.Body.Len()))
			}
		})
	}
}
