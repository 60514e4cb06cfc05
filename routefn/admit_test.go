package routefn

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/limit"
)

// fill admits requests of the class until there is no room for one more.
func (w *world) fill(c admission.Class) {
	for w.route.admission.Enter(c) == admission.Admitted {
	}
}

// While messages over HTTP fill the route, people still log in and read. While logins
// fill the rest, nodes still report, and the health checks still answer.
func TestFloodStarvesNothingThatMattersMore(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.MaxInFlight, c.StoreTarget, c.Registerer = 64, time.Hour, registry })
	alice := w.connect("alice", "phone")
	message := proto.SendMessage{ID: "a", To: alice.User, Text: "hi"}

	w.fill(admission.Sheddable)
	if code := w.post(proto.PathSend, alice.Token, message, nil); code != proto.Overloaded {
		t.Errorf("send: %v", code)
	}
	// CIM's client takes every answer of status 200 for success.
	status, header, b := w.call(http.MethodPost, "/p2pRoute", "", "", `{"userId":1,"receiveUserId":2,"msg":"hi"}`)
	if code := cimCodeOf(t, string(b)); status != http.StatusTooManyRequests || code != "4102" || header.Get("Retry-After") == "" {
		t.Errorf("send of CIM: %d, %s", status, b)
	}
	bob := w.connect("bob", "phone")
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{}, nil); code != proto.OK {
		t.Errorf("pull: %v", code)
	}

	w.fill(admission.Login)
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{}, nil); code != proto.OK {
		t.Errorf("pull: %v", code)
	}
	w.fill(admission.Normal)
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{}, nil); code != proto.Overloaded {
		t.Errorf("pull: %v", code)
	}
	w.close(bob.node, bob.session) // fails the test unless the status is 200
	w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: alice.node.origin}, new(proto.ReconcileAnswer))
	if code := w.get(proto.PathMembers, "", nil); code != proto.OK {
		t.Errorf("members: %v", code)
	}

	w.fill(admission.Critical)
	for _, path := range []string{proto.PathHealth, proto.PathReady} {
		if status, _, _ := w.call(http.MethodGet, path, "", "", ""); status != http.StatusOK {
			t.Errorf("%s of a route that is full: %d", path, status)
		}
	}
	want := `
		# HELP cim_route_in_flight Requests being served.
		# TYPE cim_route_in_flight gauge
		cim_route_in_flight 64
		# HELP cim_route_admission_limit Requests in flight beyond which one of the class is refused; -1: none is.
		# TYPE cim_route_admission_limit gauge
		cim_route_admission_limit{class="backlog"} 32
		cim_route_admission_limit{class="critical"} 64
		cim_route_admission_limit{class="login"} 52
		cim_route_admission_limit{class="normal"} 56
		cim_route_admission_limit{class="sheddable"} 48
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "cim_route_in_flight", "cim_route_admission_limit"); err != nil {
		t.Error(err)
	}
	for verdict, want := range map[string]float64{"full": 2, "slow": 0, "admitted": 0} {
		if got := testutil.ToFloat64(w.route.metrics.Admissions.WithLabelValues("sheddable", verdict)); got != want {
			t.Errorf("%v messages were %s, want %v", got, verdict, want)
		}
	}
}

// One user may flood a route over many connections. Others are served meanwhile.
func TestOneUserTakesFewPlacesFromOthers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxInFlight = 64 })
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	flood := 0
	for w.route.shares.Enter(alice.User, w.route.admission.Limit(admission.Normal), w.route.admission.Spare(admission.Normal)) {
		w.route.admission.Enter(admission.Normal)
		flood++
	}
	pull := func(who connection) proto.Code { return w.post(proto.PathPull, who.Token, proto.PullMessages{}, nil) }
	if code := pull(alice); code != proto.Overloaded {
		t.Errorf("a user with %d requests in flight: %v", flood, code)
	}
	if code := pull(bob); code != proto.OK {
		t.Errorf("another user: %v", code)
	}
	if n := testutil.ToFloat64(w.route.metrics.Admissions.WithLabelValues("normal", "over-share")); n != 1 {
		t.Errorf("%v requests were refused for their user's share, want 1", n)
	}
	w.route.shares.Leave(alice.User)
	w.route.admission.Leave(admission.Normal)
	for range 2 * flood { // each gives its place back
		if code := pull(alice); code != proto.OK {
			t.Fatalf("a user with room for one more: %v", code)
		}
	}
}

// Every use case has the class that it should have. If classOf misspelt a name, that
// use case would be of class Normal.
func TestClassesOfTheUseCases(t *testing.T) {
	w := newWorld(t, nil)
	var names [admission.Critical + 1][]string
	for _, u := range w.route.requests {
		c := classOf(u.name)
		names[c] = append(names[c], u.name)
	}
	if want := []string{"login", "refresh", "cim-login"}; !slices.Equal(names[admission.Login], want) {
		t.Errorf("logins are %q, want %q", names[admission.Login], want)
	}
	if want := []string{"send", "schedule", "cim-group", "cim-private"}; !slices.Equal(names[admission.Sheddable], want) {
		t.Errorf("sheddable are %q, want %q", names[admission.Sheddable], want)
	}
	want := []string{"members", "node-report", "node-reconcile", "node-move", "node-fire", "node-keys"}
	if got := names[admission.Critical]; !slices.Equal(got, want) {
		t.Errorf("critical are %q, want %q", got, want)
	}
}

// If the store has become slow, messages are refused with a reason, although far fewer
// than the maximum are in flight.
func TestSlowStoreHasMessagesRefused(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.StoreTarget = time.Nanosecond }) // no store is that fast
	alice := w.connect("alice", "phone")
	for range 50 { // fewer than are let in before the store has answered anything
		w.route.admission.Enter(admission.Normal)
	}
	var code proto.Code
	for i := 0; code == proto.OK && i < 1000; i++ {
		code = w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "again", To: alice.User, Text: "hi"}, nil)
	}
	if code != proto.Overloaded {
		t.Fatalf("a thousand messages, and the last was answered %v", code)
	}
	if n := testutil.ToFloat64(w.route.metrics.Admissions.WithLabelValues("sheddable", "slow")); n != 1 {
		t.Errorf("%v messages were refused because of the store", n)
	}
}

func TestRouteWithoutALimitRefusesNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxInFlight = -1 })
	for range 10_000 {
		w.route.admission.Enter(admission.Sheddable)
	}
	w.register("alice")
}

// If there is no room for a login, it waits for its turn, and an old page waits behind
// it. A caller that has waited in vain gets a time to retry.
func TestLoginWaitsForItsTurnBeforeOldPages(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxInFlight = 64 })
	alice := w.connect("alice", "phone")
	w.fill(admission.Normal)
	handler := w.route.Handler()
	ask := func(ctx context.Context, path, body, header, value string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+alice.Token)
		r.Header.Set(header, value)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		return answer
	}
	login := `{"name":"alice","device":"phone"}`
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if a := ask(gone, proto.PathLogin, login, proto.HeaderRefused, "0"); a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") != "1" {
		t.Errorf("who did not wait was answered %d, and told to come in %q s", a.Code, a.Header().Get("Retry-After"))
	}
	done := make(chan string, 2)
	inLine := func(n int) func() bool { return func() bool { return w.route.admission.Waiting() == n } }
	line := func(n int, path, body, header, value string) {
		go func() {
			if a := ask(t.Context(), path, body, header, value); a.Code != http.StatusOK {
				t.Errorf("%s was answered %d", path, a.Code)
			}
			done <- path
		}()
		wait.Until(t, "it is in line", inLine(n))
	}
	line(1, proto.PathPull, `{}`, proto.HeaderPriority, proto.PriorityBacklog)
	line(2, proto.PathLogin, login, proto.HeaderRefused, "1")
	for w.route.admission.Waiting() == 2 {
		w.route.admission.Leave(admission.Normal)
	}
	if first := <-done; first != proto.PathLogin {
		t.Errorf("%s was first", first)
	}
	for w.route.admission.Waiting() > 0 {
		w.route.admission.Leave(admission.Normal)
	}
	<-done
}

// A user floods a route with messages over its rate. A hundred are refused at once. From
// then on the store is asked ten times per second, and others are served meanwhile.
func TestFloodOfRefusedRequestsIsSlowedDown(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Messages: hourly(1)}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "first", To: bob.User, Text: "hi"})
	flood := func(n int) time.Duration {
		begun := time.Now()
		for i := range n {
			if code := w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: fmt.Sprint("m", i), To: bob.User, Text: "hi"}, nil); code != proto.Limited {
				t.Fatalf("message %d: %v", i, code)
			}
		}
		return time.Since(begun)
	}
	flood(110) // some budget of refusals comes back meanwhile
	for w.route.brake.Waits(alice.User, time.Now()) == 0 {
		flood(1)
	}
	if took := flood(6); took < 500*time.Millisecond {
		t.Errorf("six more were refused within %v", took)
	}
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{}, nil); code != proto.OK {
		t.Errorf("another user: %v", code)
	}
	w.send(alice.Token, proto.SendMessage{ID: "first", To: bob.User, Text: "hi"}) // a repetition is accepted as ever
}

// So many requests of one user wait, and no more.
func TestFewRefusedRequestsOfOneUserWait(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Messages: hourly(1)}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for w.route.brake.Waits(alice.User, time.Now()) < time.Minute {
		w.route.brake.Leave(alice.User, time.Now(), false, true)
	}
	body := fmt.Sprintf(`{"id":"m","to":%d,"text":"hi"}`, bob.User)
	status, header, text := w.call("POST", proto.PathSend, alice.Token, "application/json", body)
	if status != 429 || header.Get("Retry-After") == "" || !strings.Contains(string(text), fmt.Sprint(int(proto.Limited))) {
		t.Errorf("status %d, Retry-After %q, %s", status, header.Get("Retry-After"), text)
	}
	if n := testutil.ToFloat64(w.route.metrics.Admissions.WithLabelValues("sheddable", "braked")); n != 1 {
		t.Errorf("%v requests were refused because too many wait, want 1", n)
	}
}
