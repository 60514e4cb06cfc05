package routefn

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/compat"
)

// notices waits for all pushes, and returns the lines that the node got for CIM
// connections.
func (w *world) notices(n *fakeNode) (list []*proto.PushItem) {
	w.t.Helper()
	w.flush()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.pushed {
		for _, item := range q.Items {
			if item.Notice != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// CIM's client does not show the code of an answer. So a sender whose message is
// refused for good gets the reason on its connection.
func TestCIMSenderIsToldOnTheConnectionWhatIsRefusedForGood(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string // of alice, %d
		want       string
	}{
		"too long": {"/p2pRoute", `{"userId":%d,"receiveUserId":2,"msg":"` + strings.Repeat("x", proto.MaxText+1) + `"}`,
			"Your message to 2 (xxxxxxxxxxxxxxxxxxxx...) was not sent. The text has 65536 bytes, and 65535 are allowed."},
		"longer than a request may be": {"/groupRoute", `{"msg":"` + strings.Repeat("x", 1_100_000) + `","userId":%d}`,
			"Your message was not sent. The body is longer than the limit."},
		"the sender before that": {"/groupRoute", `{"userId": %d,"msg":"\"userId\":7,` + strings.Repeat("x", 1_100_000) + `"}`,
			"Your message was not sent. The body is longer than the limit."},
		"empty":            {"/groupRoute", `{"userId":%d,"msg":""}`, "Your message was not sent. The text is empty."},
		"unknown receiver": {"/p2pRoute", `{"userId":%d,"receiveUserId":99,"msg":"明天\n见"}`, "Your message to 99 (明天 见) was not sent. There is no such user."},
		"no receiver":      {"/p2pRoute", `{"userId":%d,"msg":"hi"}`, "Your message (hi) was not sent. A message has either a receiver or a group."},
		"another type":     {"/p2pRoute", `{"userId":%d,"receiveUserId":"2","msg":"hi"}`, "Your message (hi) was not sent. The field receiveUserId has the wrong type."},
		"a long batch": {"/p2pRoute", `{"userId":%d,"receiveUserId":2,"batchMsg":["a"` + strings.Repeat(`,"a"`, 100) + `]}`,
			"Your message to 2 (a) was not sent. A batch has at most 100 messages."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			n := w.nodes["n1"]
			alice, opened := w.connectCIM("alice", n)
			if got := w.cim(c.path, fmt.Sprintf(c.body, alice)); cimCodeOf(t, got) != "3000" {
				t.Errorf("answer is %s", got)
			}
			list := w.notices(n)
			if len(list) != 1 || list[0].Notice != c.want || list[0].User != alice || len(list[0].Numbers) != 1 || list[0].Numbers[0] != opened.Number {
				t.Fatalf("the node is to show %v\nwant %q", list, c.want)
			}
		})
	}
}

// No such line is sent for a message that is accepted or that may succeed later. A
// sender without a CIM connection gets none, and neither does a sender that uses our
// own calls.
func TestCIMSenderIsToldNothingElse(t *testing.T) {
	w := newWorld(t, nil)
	n := w.nodes["n1"]
	alice, _ := w.connectCIM("alice", n)
	bob := w.register("bob")
	carol := w.connect("carol", "phone")
	for _, c := range []struct{ path, body, code string }{
		{"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":"hi"}`, alice), "9000"},
		{"/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi"}`, alice, bob), "7000"},
		{"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":""}`, bob), "3000"},
		{"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":""}`, carol.User), "3000"},
		{"/groupRoute", `{"userId":0,"msg":""}`, "3000"},
		{"/groupRoute", `{"msg":"` + strings.Repeat("x", 1_100_000) + `"}`, "3000"},
	} {
		if got := w.cim(c.path, c.body); cimCodeOf(t, got) != c.code {
			t.Errorf("%.60s: %s, want %s", c.body, got, c.code)
		}
	}
	if code := w.post(proto.PathSend, carol.Token, proto.SendMessage{ID: "1", To: alice}, nil); code != proto.Invalid {
		t.Errorf("send: %v", code)
	}
	w.flush()
	w.redis.Close()
	if status, _, b := w.call(http.MethodPost, "/groupRoute", "", "", fmt.Sprintf(`{"userId":%d,"msg":"hi"}`, alice)); status != http.StatusServiceUnavailable || cimCodeOf(t, string(b)) != "4101" {
		t.Errorf("without a store: %d, %s", status, b)
	}
	if list := w.notices(n); len(list) != 0 {
		t.Errorf("the node is to show %v", list)
	}
}

// A message that comes while the route is full waits for its turn, and is accepted.
func TestCIMMessageWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxInFlight = 64 })
	alice, bob := w.register("alice"), w.register("bob")
	w.fill(admission.Sheddable)
	answers := make(chan string, 2)
	for _, path := range []string{"/p2pRoute", "/groupRoute"} {
		go func() {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi"}`, alice, bob)))
			answer := httptest.NewRecorder()
			w.route.Handler().ServeHTTP(answer, r)
			answers <- answer.Body.String()
		}()
	}
	wait.Until(t, "both are in line", func() bool { return w.route.admission.Waiting() == 2 })
	for range 2 {
		w.route.admission.Leave(admission.Sheddable)
	}
	for range 2 {
		if got := <-answers; !strings.Contains(got, `"code":"9000"`) && !strings.Contains(got, `"code":"7000"`) {
			t.Errorf("answer is %s", got)
		}
	}
}

// CIM's client gives up a call after 3 s. The route ends the request before that,
// however slow the store is.
func TestCIMMessageIsAnsweredBeforeItsClientGivesUp(t *testing.T) {
	const patienceOfCIM = 3 * time.Second
	w := newWorld(t, nil)
	asked := time.Now()
	var end time.Time
	serve := messageFromCIM(func(ctx context.Context, _ compat.MessageRequest) (any, error) {
		end, _ = ctx.Deadline()
		return nil, nil
	})
	r := httptest.NewRequest(http.MethodPost, "/p2pRoute", strings.NewReader("{}"))
	serve(w.route, "cim-private", httptest.NewRecorder(), r)
	// The deadline was set after asked, and before now.
	if left := end.Sub(asked); end.IsZero() || left-time.Since(asked) >= patienceOfCIM-250*time.Millisecond {
		t.Errorf("a message may take %v", left)
	}
	if cimPatience >= compat.MessageTimeout {
		t.Errorf("%v of waiting leave nothing of %v", cimPatience, compat.MessageTimeout)
	}
}
