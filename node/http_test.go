package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/sourceip"
)

func ask(h http.Handler, method, path, bearer string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestInternalPathsNeedTheServiceToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil).Handler()
		for _, bearer := range []string{"", "Secret", "secret "} {
			for path, method := range map[string]string{proto.PathPush: "POST", proto.PathNodeOnline: "GET"} {
				answer := ask(h, method, path, bearer, nil)
				var body proto.ErrorAnswer
				err := json.Unmarshal(answer.Body.Bytes(), &body)
				if answer.Code != http.StatusUnauthorized || err != nil || body.Code != proto.Unauthorized {
					t.Errorf("%s with %q: %d %s", path, bearer, answer.Code, answer.Body)
				}
			}
		}
	})
}

func TestServiceTokensChangeUnderANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		h := w.Handler()
		for _, step := range []struct {
			tokens       []string
			older, newer int
		}{
			{[]string{"secret", "newer"}, http.StatusOK, http.StatusOK},
			{[]string{"newer", "secret"}, http.StatusOK, http.StatusOK},
			{[]string{"newer"}, http.StatusUnauthorized, http.StatusOK},
		} {
			w.SetServiceTokens(step.tokens[0], step.tokens[1:]...)
			older, newer := ask(h, "GET", proto.PathNodeOnline, "secret", nil).Code, ask(h, "GET", proto.PathNodeOnline, "newer", nil).Code
			if older != step.older || newer != step.newer {
				t.Errorf("with %q the older is answered %d, the newer %d", step.tokens, older, newer)
			}
		}
	})
}

func TestPushOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		h := w.Handler()
		body, err := gproto.Marshal(push(&proto.PushItem{
			User: 1, Numbers: []int64{5, 6}, Stored: w.route.store(t, proto.Inbox, 2, 1, "hi"),
		}))
		if err != nil {
			t.Fatal(err)
		}
		got := ask(h, "POST", proto.PathPush, "secret", body)
		var answer proto.PushAnswer
		if err := gproto.Unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != http.StatusOK {
			t.Fatalf("%d %v", got.Code, err)
		}
		wantNumbers(t, "gone", answer.Items[0].Gone, 6)
		p.next(t)

		if got := ask(h, "POST", proto.PathPush, "secret", []byte{0xff}); got.Code != http.StatusBadRequest {
			t.Errorf("garbage: %d", got.Code)
		}
		if got := ask(h, "POST", proto.PathPush, "secret", make([]byte, 16<<20+1)); got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("a huge body: %d", got.Code)
		}
	})
}

func TestOnlineIsPaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		for user := range int64(3) {
			w.login(t, user+1, 5)
		}
		h := w.Handler()
		for query, want := range map[string]string{
			"?limit=2":         `{"users":[{"user":1,"name":"alice"},{"user":2,"name":"bob"}],"next":2,"total":3}`,
			"?limit=2&after=2": `{"users":[{"user":3,"name":"carol"}],"total":3}`,
			"?prefix=bo":       `{"users":[{"user":2,"name":"bob"}],"total":3}`,
		} {
			if got := ask(h, "GET", proto.PathNodeOnline+query, "secret", nil); strings.TrimSpace(got.Body.String()) != want {
				t.Errorf("%s: %s", query, got.Body)
			}
		}
		for _, query := range []string{"?limit=0", "?after=x", "?after=-1"} {
			if got := ask(h, "GET", proto.PathNodeOnline+query, "secret", nil); got.Code != http.StatusBadRequest {
				t.Errorf("%s: %d", query, got.Code)
			}
		}
	})
}

func TestHealthAndReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reason error
		h := start(t, func(c *Config) {
			c.Ready = func() error { return reason }
			c.Members = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) })
		}).Handler()
		for path, want := range map[string]int{
			proto.PathHealth: 200, proto.PathReady: 200, proto.PathRing: 299, proto.PathMetrics: 404,
			proto.PathCIMPush: 404, "/": 404,
		} {
			if got := ask(h, "GET", path, "", nil); got.Code != want {
				t.Errorf("%s: %d, want %d", path, got.Code, want)
			}
		}
		reason = errors.New("knows no other member")
		if got := ask(h, "GET", proto.PathReady, "", nil); got.Code != 503 || !strings.Contains(got.Body.String(), "knows no") {
			t.Errorf("not ready: %d %s", got.Code, got.Body)
		}
		if got := ask(h, "GET", proto.PathHealth, "", nil); got.Code != 200 {
			t.Error("a node that is not ready is not alive")
		}
	})
}

// With a cluster key, only the addresses of CIM's routes push without a token.
func TestCIMPushNeedsTheKeyWhereThereIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var routes sourceip.Proxies
		if err := routes.Set("192.0.2.7"); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			pushers            *sourceip.Proxies
			from, bearer, kind string
			want               int
		}{
			"no key":                 {nil, "203.0.113.1:1", "", "", 200},
			"a key, none shown":      {new(sourceip.Proxies), "203.0.113.1:1", "", "", 401},
			"a key, another shown":   {new(sourceip.Proxies), "203.0.113.1:1", "other", "", 401},
			"a key, shown":           {new(sourceip.Proxies), "203.0.113.1:1", "secret", "", 200},
			"a route of CIM's":       {&routes, "192.0.2.7:1", "", "", 200},
			"another address":        {&routes, "192.0.2.8:1", "", "", 401},
			"what a page may send":   {nil, "203.0.113.1:1", "", "text/plain", 400},
			"what CIM's route sends": {nil, "203.0.113.1:1", "", "application/json; charset=utf-8", 200},
		} {
			h := start(t, func(cfg *Config) { cfg.CIM.Open, cfg.CIM.Pushers = true, c.pushers }).Handler()
			r := httptest.NewRequest(http.MethodPost, proto.PathCIMPush, strings.NewReader(`{"userId":1,"msg":"hi","cmd":"MESSAGE"}`))
			r.RemoteAddr = c.from
			r.Header.Set("Authorization", "Bearer "+c.bearer)
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			answer := httptest.NewRecorder()
			if h.ServeHTTP(answer, r); answer.Code != c.want {
				t.Errorf("%s: %d, want %d", name, answer.Code, c.want)
			}
		}
	})
}

// A page of another site reaches none of a node's paths, and neither does a request for a
// name that is not the node's.
func TestForeignPagesAndNamesReachNothingOfANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages, err := browser.New(browser.Config{Loopback: true})
		if err != nil {
			t.Fatal(err)
		}
		h := start(t, func(c *Config) { c.CIM.Open, c.InternalPages = true, pages }).Handler()
		for _, path := range []string{
			proto.PathPush, proto.PathPushStream, proto.PathNodeOnline, proto.PathRing, proto.PathDrain, proto.PathCIMPush,
			proto.PathReady, proto.PathMetrics, "/",
		} {
			for _, c := range []struct {
				host, origin string
				foreign      bool
			}{
				{"127.0.0.1:8081", "", false},
				{"127.0.0.1:8081", "http://127.0.0.1:8083", true},
				{"rebound.example:8081", "", true},
				{"rebound.example:8081", "http://rebound.example:8081", true},
			} {
				r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{}`))
				r.Host = c.host
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				answer := httptest.NewRecorder()
				if h.ServeHTTP(answer, r); (answer.Code == http.StatusForbidden) != c.foreign {
					t.Errorf("%s, %+v: %d %s", path, c, answer.Code, answer.Body)
				}
			}
		}
	})
}
