package routefn

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

func TestStrangePathsAndMethodsAreAnsweredWithACode(t *testing.T) {
	w := newWorld(t, nil)
	if code := w.post("/v1/nothing", "", "{}", nil); code != proto.NotFound {
		t.Errorf("unknown path: %v", code)
	}
	status, header, b := w.call(http.MethodGet, proto.PathSend, "", "", "")
	if status != http.StatusMethodNotAllowed || header.Get("Allow") != "POST" || !strings.Contains(string(b), `"not-found"`) {
		t.Errorf("wrong method: %d, %v, %s", status, header, b)
	}
}

func TestHealthIsToldByHeadToo(t *testing.T) {
	w := newWorld(t, nil)
	only, err := w.route.Only("login")
	if err != nil {
		t.Fatal(err)
	}
	for _, handler := range []http.Handler{w.route.Handler(), only} {
		server := httptest.NewServer(handler)
		for _, path := range []string{proto.PathHealth, proto.PathReady} {
			answer, err := http.Head(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || len(body) > 0 {
				t.Errorf("HEAD %s: %s, %q", path, answer.Status, body)
			}
		}
		server.Close()
	}
}

func TestClientsBodiesAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	huge := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, u := range w.route.requests {
		if u.methods[0] != http.MethodPost || u.forCIM() || strings.HasPrefix(u.name, "node-") {
			continue
		}
		if code := w.post(u.path, alice.Token, huge, nil); code != proto.TooLarge {
			t.Errorf("%s: %v, want too-large", u.path, code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, proto.PathRegister, strings.NewReader(huge))
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = -1 // the request does not announce its length
	answer := httptest.NewRecorder()
	w.route.Handler().ServeHTTP(answer, r)
	if answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("body of unknown length: %d", answer.Code)
	}
	if got := w.cim("/registerAccount", huge); cimCodeOf(t, got) != "3000" {
		t.Errorf("CIM: %s", got)
	}
}

func TestAnotherContentTypeIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	for contentType, want := range map[string]int{
		"": 200, "application/json": 200, "application/json; charset=utf-8": 200,
		"text/plain": 400, "application/x-www-form-urlencoded": 400, "application/json; charset": 400,
	} {
		if status, _, b := w.call(http.MethodPost, proto.PathRegister, "", contentType, `{"name":"alice"}`); status != want {
			t.Errorf("%q: %d, %s", contentType, status, b)
		}
	}
}

// A page can have a browser send a body without a type, and a browser says that it is one.
func TestBrowsersSayThatTheySendJSON(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthOpen })
	for _, path := range []string{proto.PathRegister, "/registerAccount"} {
		for header, value := range map[string]string{"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"name":"alice"}`))
			r.Header.Set(header, value)
			answer := httptest.NewRecorder()
			w.route.Handler().ServeHTTP(answer, r)
			if !strings.Contains(answer.Body.String(), "content type") {
				t.Errorf("%s with %s: %d %s", path, header, answer.Code, answer.Body)
			}
		}
	}
}

// CIM's clients send JSON. A program that sends no type at all is understood, as before.
func TestCIMPathsTakeJSONOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthOpen })
	for contentType, want := range map[string]string{
		"": "9000", "application/json": "9000", "application/json; charset=utf-8": "9000",
		"text/plain": "3000", "application/x-www-form-urlencoded": "3000", "multipart/form-data; boundary=x": "3000",
	} {
		_, _, b := w.call(http.MethodPost, "/registerAccount", "", contentType, `{"userName":"alice"}`)
		if got := cimCodeOf(t, string(b)); got != want {
			t.Errorf("%q: %s, %s", contentType, got, b)
		}
	}
}

func TestEveryUseCaseOfANodeNeedsTheServiceToken(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, u := range w.route.requests {
		if !strings.HasPrefix(u.name, "node-") {
			continue
		}
		for _, bearer := range []string{"", alice.Token, serviceToken + "x", serviceToken[1:]} {
			status, _, _ := w.call(u.methods[0], u.path, bearer, proto.ContentProtobuf, "")
			if status != http.StatusUnauthorized {
				t.Errorf("%s bearing %q: %d", u.path, bearer, status)
			}
		}
		if u.methods[0] == http.MethodGet {
			continue
		}
		for name, body := range map[string]string{"not protobuf": "\xff\xff", "no origin": ""} {
			if status, _, _ := w.call(http.MethodPost, u.path, serviceToken, proto.ContentProtobuf, body); status != http.StatusBadRequest {
				t.Errorf("%s with %s: %d", u.path, name, status)
			}
		}
		if status, _, _ := w.call(http.MethodPost, u.path, serviceToken, "application/json", "{}"); status != http.StatusBadRequest {
			t.Errorf("%s with JSON: %d", u.path, status)
		}
	}
}

func TestOnlyServesWhatItWasAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	h, err := w.route.Only("register", "cim-online")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{proto.PathRegister: 200, "/onlineUser": 200, proto.PathLogin: 404, proto.PathHealth: 404} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"name":"alice"}`))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(answer, r)
		if path == proto.PathHealth {
			want = http.StatusMethodNotAllowed
		}
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
	if _, err := w.route.Only("coffee"); err == nil {
		t.Error("mounted a use case that does not exist")
	}
}

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) {
		c.Registerer = r
		c.Members = func(context.Context) (*ring.View, error) { panic("members are on fire") }
	})
	w.register("alice")
	status, _, b := w.call(http.MethodPost, proto.PathLogin, "", "", `{"name":"alice","device":"phone"}`)
	if status != http.StatusInternalServerError || !strings.Contains(string(b), `"name":"unknown"`) || strings.Contains(string(b), "fire") {
		t.Fatalf("%d, %s", status, b)
	}
	if n := testutil.ToFloat64(w.route.metrics.Requests.WithLabelValues("login", "panic")); n != 1 {
		t.Fatalf("counted %v panics", n)
	}
}

func TestMetricsAreThereBeforeAnythingHappened(t *testing.T) {
	r := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer = r })
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for _, f := range families {
		found[f.GetName()] = len(f.GetMetric())
	}
	const codes = 7 // those that alerts are likely to use
	if found["cim_route_requests_total"] != len(w.route.requests)*codes || found["cim_route_pushes_total"] != 5 || found["cim_route_push_batch_items"] != 1 {
		t.Fatalf("families %v", found)
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", problems, err)
	}
}

func TestStoreAwayIsSaidClearlyAndIsNotTheEndOfTheProcess(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	if status, _, _ := w.call(http.MethodGet, proto.PathReady, "", "", ""); status != http.StatusOK {
		t.Fatalf("ready says %d", status)
	}
	w.redis.Close()
	status, header, _ := w.call(http.MethodGet, proto.PathReady, "", "", "")
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("ready says %d without a store", status)
	}
	if status, _, _ := w.call(http.MethodGet, proto.PathHealth, "", "", ""); status != http.StatusOK {
		t.Errorf("health says %d without a store", status)
	}
	q := proto.SendMessage{ID: "1", To: alice.User, Text: "x"}
	if code := w.post(proto.PathSend, alice.Token, q, nil); code.Retry() != proto.RetryLater {
		t.Errorf("send without a store: %v", code)
	}
}

func TestMembersUnknownIsNotReady(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Members = func(context.Context) (*ring.View, error) { return nil, errors.New("no seed answers") }
	})
	w.register("alice")
	if status, _, _ := w.call(http.MethodGet, proto.PathReady, "", "", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ready says %d", status)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "alice", Device: "phone"}, nil); code != proto.Unavailable {
		t.Errorf("login: %v", code)
	}
}

func TestUserIsFoundByIDAndByName(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, query := range []string{"id=" + id(alice.User), "name=alice"} {
		var u proto.User
		if code := w.get(proto.PathUser+"?"+query, alice.Token, &u); code != proto.OK || u.User != alice.User || u.Name != "alice" {
			t.Errorf("%s: %v, %+v", query, code, u)
		}
	}
	for query, want := range map[string]proto.Code{
		"": proto.Invalid, "id=1&name=alice": proto.Invalid, "id=x": proto.Invalid, "id=-1": proto.Invalid,
		"name=%20x": proto.Invalid, "id=4711": proto.UnknownUser, "name=nobody": proto.UnknownUser,
	} {
		if code := w.get(proto.PathUser+"?"+query, alice.Token, nil); code != want {
			t.Errorf("%q: %v, want %v", query, code, want)
		}
	}
}

func TestConfigRefusesWhatIsMissing(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(*Config){
		"store":         func(c *Config) { c.Store = nil },
		"members":       func(c *Config) { c.Members = nil },
		"issuer":        func(c *Config) { c.Issuer = nil },
		"service token": func(c *Config) { c.ServiceToken = "" },
		"repeat":        func(c *Config) { c.Repeat = "maybe" },
		"auth":          func(c *Config) { c.Auth = 7 },
	} {
		c := w.route.cfg
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("took a configuration with a bad %s", name)
		}
	}
}

func TestMembersAreServedSealedAndOnlyWhenTheyChanged(t *testing.T) {
	keys := ring.NewKeys([]byte("a cluster key of the tests"))
	w := newWorld(t, func(c *Config) { c.Keys = keys })
	status, header, b := w.call(http.MethodGet, proto.PathMembers, "", "", "")
	var sealed []ring.Sealed
	if err := json.Unmarshal(b, &sealed); status != http.StatusOK || err != nil || len(sealed) != 2 {
		t.Fatalf("%d, %v, %s", status, err, b)
	}
	if m, err := sealed[0].Open(keys); err != nil || m.ID != "n1" {
		t.Fatalf("first member %+v, %v", m, err)
	}
	r := httptest.NewRequest(http.MethodGet, proto.PathMembers, nil)
	r.Header.Set("If-None-Match", header.Get("ETag"))
	answer := httptest.NewRecorder()
	w.route.Handler().ServeHTTP(answer, r)
	if answer.Code != http.StatusNotModified || answer.Body.Len() != 0 {
		t.Fatalf("asked again: %d", answer.Code)
	}
}

func TestWhatComesBeyondTheLimitIsToldToComeBackLater(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *Config) {
		members := c.Members
		c.MaxInFlight = 1
		c.Members = func(ctx context.Context) (*ring.View, error) {
			inside <- struct{}{}
			<-leave
			return members(ctx)
		}
	})
	done := make(chan int)
	go func() {
		answer := httptest.NewRecorder()
		w.route.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, proto.PathMembers, nil))
		done <- answer.Code
	}()
	<-inside
	status, header, b := w.call(http.MethodPost, proto.PathRegister, "", "", `{"name":"alice"}`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(string(b), "overloaded") {
		t.Errorf("the second of one: %d, %v, %s", status, header, b)
	}
	if got := w.cim("/registerAccount", `{"userName":"alice"}`); cimCodeOf(t, got) != "6000" {
		t.Errorf("CIM: %s", got)
	}
	close(leave)
	if status := <-done; status != http.StatusOK {
		t.Errorf("the first: %d", status)
	}
	w.register("alice")
}
