package cert

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGateTakesTokensOnlyWhereItMay(t *testing.T) {
	key := operator(t)
	route := at(identity(t, key, Route, "route-1"), noon)
	node := at(identity(t, key, Node, "node-1"), noon)
	right := func(r *http.Request) bool { return r.Header.Get("Authorization") == "right" }
	for name, c := range map[string]struct {
		keys    *Keyring
		accept  bool
		token   string
		proof   bool
		want    error
		id      string
		counted int
		warned  string
	}{
		"no keys, right token":                      {token: "right"},
		"no keys, wrong token":                      {token: "wrong", want: ErrToken},
		"no keys, a proof without a token":          {proof: true, want: ErrToken},
		"keys, the token alone":                     {keys: node, token: "right", want: ErrNone, warned: "refused: -accept-cluster-key"},
		"keys, a wrong token":                       {keys: node, token: "wrong", want: ErrNone},
		"keys, a proof":                             {keys: node, proof: true, id: "route-1"},
		"keys, the token accepted":                  {keys: node, accept: true, token: "right", counted: 2, warned: "accepted (-accept-cluster-key)"},
		"keys, a wrong token where one is accepted": {keys: node, accept: true, token: "wrong", want: ErrNone},
		"keys, a proof where a token is accepted":   {keys: node, accept: true, token: "right", proof: true, id: "route-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			counted := 0
			g := &Gate{
				Keys: c.keys, Self: "a", Token: right, AcceptToken: c.accept,
				OnToken: func() { counted++ }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			}
			r := httptest.NewRequest(http.MethodGet, "/stream", nil)
			r.Header.Set("Authorization", c.token)
			if c.proof {
				route.Prove(r.Header, "", "a", http.MethodGet, "/stream", nil)
			}
			for range 2 {
				got, err := g.Check(r, Route)
				if !errors.Is(err, c.want) || (got != nil) != (c.id != "") || got != nil && got.ID != c.id {
					t.Errorf("checked as %+v, %v", got, err)
				}
			}
			if counted != c.counted {
				t.Errorf("%d requests were counted, want %d", counted, c.counted)
			}
			if warned := strings.Count(log.String(), "level=WARN"); warned != min(len(c.warned), 1) || !strings.Contains(log.String(), c.warned) {
				t.Errorf("%d warnings, want %q once:\n%s", warned, c.warned, &log)
			}
		})
	}
}

func TestGateTellsItsTimeOnlyWithKeys(t *testing.T) {
	for want, g := range map[string]*Gate{"": {}, "1893499200000": {Keys: at(identity(t, operator(t), Node, "node-1"), noon)}} {
		header := make(http.Header)
		if g.Refuse(header); header.Get(TimeHeader) != want {
			t.Errorf("the refusal has %q, want %q", header.Get(TimeHeader), want)
		}
	}
}

func TestCallerTravelsInTheContext(t *testing.T) {
	if CallerOf(WithCaller(t.Context(), nil)) != nil {
		t.Error("nobody became a caller")
	}
	if c := CallerOf(WithCaller(t.Context(), &Caller{Certificate: Certificate{ID: "node-1"}})); c == nil || c.ID != "node-1" {
		t.Errorf("the caller is %+v", c)
	}
}
