package routes

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
)

// inProcess calls a handler without a socket.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// refuse answers with an error as routes do.
func refuse(w http.ResponseWriter, code proto.Code) {
	w.WriteHeader(code.HTTPStatus())
	_ = json.NewEncoder(w).Encode(proto.ErrorAnswer{Code: code, Name: code.String()})
}

// answers is a route that answers one item.
func answers(hosts *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*hosts = append(*hosts, r.Host)
		body, _ := io.ReadAll(r.Body)
		var request proto.SendRequest
		switch {
		case r.Host == "down":
			refuse(w, proto.Unavailable)
		case r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != proto.PathNodeSend ||
			gproto.Unmarshal(body, &request) != nil || request.Items[0].Id != "a":
			refuse(w, proto.Invalid)
		default:
			answer, _ := gproto.Marshal(&proto.SendAnswer{Items: []*proto.SendResult{{Time: 5}}})
			_, _ = w.Write(answer)
		}
	})
}

var oneItem = &proto.SendRequest{Items: []*proto.SendItem{{Id: "a"}}}

func TestClientKeepsARouteUntilItFails(t *testing.T) {
	var hosts []string
	u, err := NewClient(Config{
		URLs: []string{"http://down", "http://up/", "http://other"}, ServiceToken: "secret", Transport: inProcess{answers(&hosts)},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Send(t.Context(), oneItem)
	if !errors.Is(err, proto.Err(proto.Unavailable, "")) {
		t.Errorf("got %v, want Unavailable", err)
	}
	for range 2 {
		answer, err := u.Send(t.Context(), oneItem)
		if err != nil || answer.Items[0].Time != 5 {
			t.Errorf("got %v, %v", answer, err)
		}
	}
	if got := strings.Join(hosts, " "); got != "down up up" {
		t.Errorf("asked %s", got)
	}
}

// A route may answer a request and refuse one of its items, because it does not know the
// key of a ticket yet, or lacks a part of the store. Another route may do better, so the
// repetition goes there.
func TestClientLeavesARouteThatLacksSomething(t *testing.T) {
	const code = int32(proto.Unavailable)
	for name, c := range map[string]struct {
		answer gproto.Message
		call   func(*Client) error
	}{
		"send": {&proto.SendAnswer{Items: []*proto.SendResult{{}, {Code: code}}}, func(u *Client) error {
			_, err := u.Send(t.Context(), oneItem)
			return err
		}},
		"open": {&proto.ReportAnswer{Opened: []*proto.Opened{{}, {Code: code}}}, func(u *Client) error {
			_, err := u.Report(t.Context(), &proto.ReportRequest{})
			return err
		}},
		"enter": {&proto.ReportAnswer{Entered: []*proto.Entered{{Code: code}}}, func(u *Client) error {
			_, err := u.Report(t.Context(), &proto.ReportRequest{})
			return err
		}},
		"move": {&proto.MoveAnswer{Items: []*proto.Moved{{Code: code}}}, func(u *Client) error {
			_, err := u.Move(t.Context(), &proto.MoveRequest{})
			return err
		}},
		"pull": {&proto.PullAnswer{Code: code}, func(u *Client) error {
			_, err := u.Pull(t.Context(), &proto.PullRequest{})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			route := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Host)
				if r.Host != "lacks" {
					return // an answer without results
				}
				answer, _ := gproto.Marshal(c.answer)
				_, _ = w.Write(answer)
			})
			u, err := NewClient(Config{URLs: []string{"http://lacks", "http://other"}, Transport: inProcess{route}})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := c.call(u); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(asked, " "); got != "lacks other other" {
				t.Errorf("called %s", got)
			}
		})
	}
}

func TestClientOverRealSockets(t *testing.T) {
	var hosts []string
	s := httptest.NewServer(answers(&hosts))
	defer s.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	u, err := NewClient(Config{URLs: []string{s.URL}, ServiceToken: "secret", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Send(t.Context(), oneItem); err != nil {
		t.Error(err)
	}
	if _, err := u.Pull(t.Context(), &proto.PullRequest{}); !errors.Is(err, proto.Err(proto.Invalid, "")) {
		t.Errorf("got %v", err)
	}
}

func TestClientIsBoundedByItsContext(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	u, err := NewClient(Config{URLs: []string{s.URL}, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := u.Report(ctx, &proto.ReportRequest{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestClientRefusesBadURLs(t *testing.T) {
	for _, urls := range [][]string{nil, {""}, {"route:8083"}, {"ftp://route"}, {"http://"}} {
		if _, err := NewClient(Config{URLs: urls}); err == nil {
			t.Errorf("%q was taken", urls)
		}
	}
}

// A route that has too much to do names a time to retry. Until then, calls of that path
// go to another route, and only other calls go to this one.
func TestClientWaitsForAsLongAsARouteSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		busy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Host+r.URL.Path)
			if r.URL.Path != proto.PathNodeSend {
				return // an empty answer
			}
			w.Header().Set("Retry-After", map[string]string{"a": "3", "b": "2"}[r.Host])
			refuse(w, proto.Overloaded)
		})
		u, err := NewClient(Config{URLs: []string{"http://a", "http://b"}, Transport: inProcess{busy}})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		wait := func(want time.Duration) {
			t.Helper()
			_, err := u.Send(t.Context(), oneItem)
			if !errors.Is(err, proto.Err(proto.Overloaded, "")) || !Untouched(err) {
				t.Fatalf("got %v", err)
			}
			if told := Until(err).Sub(begun); told != want {
				t.Errorf("told to wait until second %v, want %v", told, want)
			}
		}
		wait(3 * time.Second)
		wait(2 * time.Second)
		wait(2 * time.Second) // nobody is asked
		if _, err := u.Report(t.Context(), &proto.ReportRequest{}); err != nil {
			t.Errorf("report: %v", err)
		}
		time.Sleep(2 * time.Second)
		wait(4 * time.Second)
		wait(3 * time.Second) // nobody is asked
		want := "a/node/send b/node/send a/node/report b/node/send"
		if got := strings.Join(asked, " "); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	})
}

// A node is not led to another address with its token. The error names that address.
func TestRedirectIsToldAndNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var hosts []string
		elsewhere := httptest.NewServer(answers(&hosts))
		s := httptest.NewServer(http.RedirectHandler(elsewhere.URL+proto.PathNodeSend, status))
		u, err := NewClient(Config{URLs: []string{s.URL}, ServiceToken: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Send(t.Context(), oneItem); err == nil || !strings.Contains(err.Error(), elsewhere.URL) || len(hosts) > 0 {
			t.Errorf("%d: %v, asked %q", status, err, hosts)
		}
		u.Close()
		s.Close()
		elsewhere.Close()
	}
}

// streamingRoute answers calls of streams only, and counts them.
func streamingRoute(t *testing.T, calls *atomic.Int32, answer func() (*proto.SendAnswer, int, time.Duration)) string {
	t.Helper()
	s := stream.NewServer(stream.ServerConfig{Handle: func(_ context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
		calls.Add(1)
		var request proto.SendRequest
		if path != proto.PathNodeSend || gproto.Unmarshal(body, &request) != nil {
			return dst, http.StatusNotFound, 0
		}
		a, status, wait := answer()
		if status != http.StatusOK {
			return append(dst, `{"code":4102,"name":"overloaded","message":"later"}`...), status, wait
		}
		dst, err := gproto.MarshalOptions{}.MarshalAppend(dst, a)
		if err != nil {
			t.Error(err)
		}
		return dst, status, wait
	}})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != proto.PathNodeStream || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return web.URL
}

func TestClientCallsByAStream(t *testing.T) {
	var calls atomic.Int32
	url := streamingRoute(t, &calls, func() (*proto.SendAnswer, int, time.Duration) {
		return &proto.SendAnswer{Items: []*proto.SendResult{{Time: 5}}}, http.StatusOK, 0
	})
	u, err := NewClient(Config{URLs: []string{url}, ServiceToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for range 3 {
		if a, err := u.Send(t.Context(), oneItem); err != nil || a.Items[0].Time != 5 {
			t.Errorf("%v, %v", a, err)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d calls", n)
	}
}

// The client obeys a waiting time that comes by a stream like one that comes in a
// header.
func TestClientWaitsAsAStreamSays(t *testing.T) {
	var calls atomic.Int32
	url := streamingRoute(t, &calls, func() (*proto.SendAnswer, int, time.Duration) {
		return nil, http.StatusTooManyRequests, 30 * time.Second
	})
	u, err := NewClient(Config{URLs: []string{url}, ServiceToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for range 3 {
		_, err := u.Send(t.Context(), oneItem)
		if !errors.Is(err, proto.Err(proto.Overloaded, "")) || !Untouched(err) || time.Until(Until(err)) < 20*time.Second {
			t.Errorf("%v", err)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls, want 1: it said when to come back", n)
	}
}
