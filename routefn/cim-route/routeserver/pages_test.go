package routeserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// serveOpen starts a route in open mode on loopback with more flags, and returns its
// address. Its members are not needed.
func serveOpen(t *testing.T, args ...string) string {
	t.Helper()
	f := parsed(t, append([]string{"-auth", "open", "-redis", "embedded"}, args...)...)
	listeners, err := f.Listen("listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	members := Members{View: func(context.Context) (*ring.View, error) { return ring.NewView(nil), nil }}
	s, err := Assemble(f, listeners, members, ring.NewKeys(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	go func() { _ = http.Serve(s.clients, s.handler) }() // ends with the listener
	return s.Addr()
}

func asked(t *testing.T, method, address, path, body, host string, header http.Header) (*http.Response, proto.ErrorAnswer) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host = header, host
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var failed proto.ErrorAnswer
	_ = json.Unmarshal(b, &failed) // an answer that is none has no code
	return answer, failed
}

// allPaths are those that a route serves to anybody in open mode, including the page.
var allPaths = []string{
	proto.PathRegister, proto.PathLogin, proto.PathLogout, proto.PathSessions, proto.PathSessionsEnd, proto.PathPassword, proto.PathSend, proto.PathPull, proto.PathAck, proto.PathDelivered,
	proto.PathOnline, proto.PathUser, proto.PathMembers, proto.PathSchedule, proto.PathScheduled, proto.PathCancel,
	proto.PathGroups, proto.PathGroupCreate, proto.PathGroupJoin, proto.PathGroupLeave, proto.PathGroupAdd, proto.PathGroupRemove,
	proto.PathGroupMembers, proto.PathContacts, proto.PathContactRequest, proto.PathBlock, proto.PathConsent, proto.PathReport, proto.PathReports, proto.PathReportClose, proto.PathNodeReport, proto.PathNodeStream, proto.PathNodeKeys, proto.PathMetrics, proto.PathReady,
	"/registerAccount", "/login", "/offLine", "/groupRoute", "/p2pRoute", "/onlineUser", "/fetchOfflineMsgs", "/", "/web/main.js", "/nowhere",
}

func TestForeignPagesAndNamesReachNothingOfARouteOnLoopback(t *testing.T) {
	route := serveOpen(t)
	_, port, _ := net.SplitHostPort(route)
	for _, path := range allPaths {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for name, c := range map[string]struct {
				host, origin, kind string
				want               proto.Code
			}{
				"a page of another port": {route, "http://127.0.0.1:1", "text/plain", proto.ForeignPage},
				"a page of another site": {route, "https://foreign.example", "application/json", proto.ForeignPage},
				"a page in a sandbox":    {route, "null", "", proto.ForeignPage},
				"a rebound name":         {"rebound.example:" + port, "", "application/json", proto.ForeignHost},
				"a page of that name":    {"rebound.example:" + port, "http://rebound.example:" + port, "application/json", proto.ForeignHost},
			} {
				h := http.Header{"Content-Type": {c.kind}}
				if c.origin != "" {
					h.Set("Origin", c.origin)
				}
				if answer, failed := asked(t, method, route, path, `{"userName":"alice","name":"alice"}`, c.host, h); answer.StatusCode != 403 || failed.Code != c.want {
					t.Errorf("%s: %s %s: %d, %v", name, method, path, answer.StatusCode, failed)
				}
			}
		}
	}
}

func TestItsOwnPageAndThoseThatAreAllowedReachARoute(t *testing.T) {
	route := serveOpen(t, "-allow-host", "chat.example.org,other.example.org", "-allow-origin", "https://app.example.org")
	for i, c := range []struct{ host, origin string }{
		{route, ""},
		{route, "http://" + route},
		{strings.Replace(route, "127.0.0.1", "localhost", 1), ""},
		{"chat.example.org", "https://chat.example.org"},
		{"other.example.org", "https://app.example.org"},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		if c.origin != "" {
			h.Set("Origin", c.origin)
		}
		answer, failed := asked(t, http.MethodPost, route, proto.PathRegister, fmt.Sprintf(`{"name":"user%d"}`, i), c.host, h)
		if answer.StatusCode != 200 {
			t.Errorf("%+v: %d, %v", c, answer.StatusCode, failed)
		}
		if allowed := answer.Header.Get("Access-Control-Allow-Origin"); (allowed != "") != (c.origin == "https://app.example.org") {
			t.Errorf("%+v: page may read: %q", c, allowed)
		}
	}
}

// A route that other machines reach accepts requests for any name until its names are
// configured.
func TestFunctionTakesAnyNameAndItsOwnPages(t *testing.T) {
	o, err := parse([]string{"-allow-origin", "https://app.example.org"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := o.Pages.FunctionGuard(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := pages.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() { _ = http.Serve(listener, h) }() // ends with the listener
	for origin, want := range map[string]int{"": 200, "https://chat.example.org": 200, "https://app.example.org": 200, "https://foreign.example": 403} {
		header := make(http.Header)
		if origin != "" {
			header.Set("Origin", origin)
		}
		if answer, _ := asked(t, http.MethodPost, listener.Addr().String(), "/", "", "chat.example.org", header); answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", origin, answer.StatusCode, want)
		}
	}
}

func TestListsOfPagesAreChecked(t *testing.T) {
	for _, args := range [][]string{{"-allow-origin", "chat.example.org"}, {"-allow-origin", "*"}, {"-allow-host", "https://chat.example.org"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
