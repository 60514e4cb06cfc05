package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// A member chooses its name, and a route may make up members.
func TestMembersCannotWriteToTheTerminal(t *testing.T) {
	const odd = "x\x1b[2J\u202e\u200b\ny\tz\u009b"
	m := ring.Member{ID: odd, Boot: 1, Client: odd, Gossip: odd, Zone: odd, HTTP: "10.0.0.1:1", Weight: 1, State: ring.Serving}
	var b strings.Builder
	view := ring.NewView([]ring.Member{m})
	printMembers(&b, view)
	printOwner(&b, view, 5)
	for _, r := range b.String() {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%U came through in %q", r, b.String())
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != 6 {
		t.Errorf("%d lines: %q", lines, b.String())
	}

	body := `[{"id":"` + "\u009b\u202e\u2028" + `é"}]`
	text, err := forPrograms([]byte(body))
	if err != nil || strings.ContainsFunc(text, chat.Obeyed) {
		t.Errorf("%q, %v", text, err)
	}
	var before, after any
	if json.Unmarshal([]byte(body), &before) != nil || json.Unmarshal([]byte(text), &after) != nil || text == body {
		t.Errorf("%q", text)
	}
	if _, err := forPrograms([]byte("\x1b[2J")); err == nil {
		t.Error("what is no JSON is printed")
	}
}

// A node lists its members at another path than a route. A route that fails is not
// mistaken for a node, so the operator sees the route's own error.
func TestMembersComeFromARouteOrANode(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"route", proto.PathMembers, "[]"},
		{"node", proto.PathRing, "[]"},
		{"neither", "/elsewhere", "404"},
		{"failing route", "", "503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch c.path {
				case "":
					w.WriteHeader(http.StatusServiceUnavailable)
				case r.URL.Path:
					_, _ = w.Write([]byte("[]"))
				default:
					http.NotFound(w, r)
				}
			}))
			defer server.Close()
			body, err := fetchMembers(t.Context(), server.Client(), server.URL)
			got := string(body)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("members: %q, want %q", got, c.want)
			}
		})
	}
}
