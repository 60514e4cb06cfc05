package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
)

// answered makes a request and compares the status.
func (s *strangers) answered(what, method, url, bearer, contentType, body string, want int) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Errorf("%s: %v", what, err)
		return
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil || response.StatusCode != want || len(b) == 0 || strings.Contains(string(b), "goroutine ") {
		s.t.Errorf("%s: %d %s, %v, want %d and a reason", what, response.StatusCode, b, err, want)
	}
}

func (s *strangers) routeBodies() {
	to := fmt.Sprintf(`"id":"%x","to":%d,`, rand.Uint64(), s.user) // an id names one message
	for what, c := range map[string]struct {
		path, body string
		want       int
	}{
		"no body":                    {proto.PathSend, "", 400},
		"no JSON":                    {proto.PathSend, "{", 400},
		"two values":                 {proto.PathSend, `{` + to + `"text":"x"}{}`, 400},
		"an unknown field":           {proto.PathSend, `{` + to + `"text":"x","admin":true}`, 400},
		"another type":               {proto.PathSend, `{` + to + `"text":5}`, 400},
		"an empty text":              {proto.PathSend, `{` + to + `"text":""}`, 400},
		"a text that is not UTF-8":   {proto.PathSend, `{` + to + `"text":"` + "\xff" + `"}`, 400},
		"a text above the limit":     {proto.PathSend, `{` + to + `"text":"` + strings.Repeat("x", proto.MaxText+1) + `"}`, 413},
		"a text of 1 MB":             {proto.PathSend, `{` + to + `"text":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"nesting without an end":     {proto.PathSend, strings.Repeat("[", 100_000), 400},
		"a user who does not exist":  {proto.PathSend, `{"id":"to-nobody","to":99,"text":"x"}`, 404},
		"a group that does not":      {proto.PathSend, `{"id":"to-no-group","group":99,"text":"x"}`, 404},
		"a message to oneself":       {proto.PathSend, `{` + to + `"text":"x"}`, 200},
		"a position of nowhere":      {proto.PathPull, `{"after":{"log":0,"epoch":"ffffffffffffffff","number":9000000000000000},"limit":10}`, 409},
		"a number above 53 bits":     {proto.PathPull, `{"after":{"log":0,"epoch":"ffffffffffffffff","number":1152921504606846976},"limit":10}`, 400},
		"a limit below nothing":      {proto.PathPull, `{"after":{},"limit":-1}`, 400},
		"an epoch that is no epoch":  {proto.PathPull, `{"after":{"epoch":"zz"}}`, 400},
		"a device with a name":       {proto.PathLogin, `{"name":"chat-0","device":"../../etc"}`, 400},
		"CIM's device":               {proto.PathLogin, `{"name":"chat-0","device":"cim"}`, 400},
		"a login of nobody":          {proto.PathLogin, `{"name":"nobody at all","device":"phone"}`, 404},
		"a name of spaces":           {proto.PathRegister, `{"name":"  "}`, 400},
		"a name with a line feed":    {proto.PathRegister, `{"name":"a\nb"}`, 400},
		"a name that is too long":    {proto.PathRegister, `{"name":"` + strings.Repeat("x", 65) + `"}`, 400},
		"no path":                    {"/v1/nothing", "{}", 404},
		"CIM: to a user below zero":  {"/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":-1,"msg":"x"}`, s.user), 200},
		"CIM: a number of no int64":  {"/p2pRoute", `{"userId":1e99,"receiveUserId":1,"msg":"x"}`, 200},
		"CIM: too large a batch":     {"/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"batchMsg":["a"%s]}`, s.user, s.user, strings.Repeat(`,"a"`, 100)), 200},
		"CIM: 1 MB":                  {"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":%q}`, s.user, strings.Repeat("x", 1<<20)), 200},
		"CIM: a text that is no UTF": {"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":"`, s.user) + "\xff\"}", 200},
	} {
		s.answered(what, http.MethodPost, s.route+c.path, s.token, "application/json", c.body, c.want)
	}
	body := `{` + to + `"text":"x"}`
	s.answered("another method", http.MethodDelete, s.route+proto.PathSend, s.token, "", "", 405)
	s.answered("another content type", http.MethodPost, s.route+proto.PathSend, s.token, "text/plain", body, 400)
	s.answered("no token", http.MethodPost, s.route+proto.PathSend, "", "application/json", body, 401)
	s.answered("a token with a flipped bit", http.MethodPost, s.route+proto.PathSend, flipped(s.token), "application/json", body, 401)
	s.answered("a client as a node", http.MethodPost, s.route+proto.PathNodeReport, s.token, proto.ContentProtobuf, "", 401)
}

func (s *strangers) nodeBodies() {
	at := "http://" + s.node.HTTP
	s.answered("a push without the service token", http.MethodPost, at+proto.PathPush, s.token, proto.ContentProtobuf, "", 401)
	s.answered("a list without the service token", http.MethodGet, at+proto.PathNodeOnline, "", "", "", 401)
	s.answered("profiles, without a key", http.MethodGet, at+proto.PathProfiles, "", "", "", 404)
	s.answered("CIM's push of 2 MB", http.MethodPost, at+proto.PathCIMPush, "", "application/json", strings.Repeat("x", 2<<20), 413)
	for _, body := range []string{"", "{", `{"userId":-1,"msg":"x","cmd":"MESSAGE"}`, `{"userId":1,"msg":"x","cmd":"LOGIN_REQUEST"}`, "\xff"} {
		s.answered("CIM's push of "+body, http.MethodPost, at+proto.PathCIMPush, "", "application/json", body, 200)
	}
}

// A second node under a name that is taken, and one that has another key, end
// with a reason, and the users of the first do not notice.
func TestNodeThatDoesNotBelongStaysOut(t *testing.T) {
	t.Parallel()
	key := []string{"-cluster-key", "a key for tests only"}
	cluster := startCluster(t, up.Config{Nodes: 2, ServerFlags: key, RouteFlags: key})
	route := cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 6, "member")
	crowd.round()
	for what, flags := range map[string][]string{
		"taken":     {"-id", "node-1"},
		"wrong key": {"-cluster-key", "another key for tests"},
	} {
		n, err := cluster.AddNode(t.Context(), flags...)
		if err == nil {
			t.Errorf("%s: a node came in", what)
		}
		t.Logf("%s: %v", what, err)
		if n != nil {
			n.Stop(patience)
		}
		crowd.round()
	}
	eventually(t, "everybody is shown everything", crowd.caughtUp)
	view := members(t, route)
	if first, ok := view.Member("node-1"); view.Ring().Len() != 2 || !ok || first.Client != cluster.Nodes()[0].Client {
		t.Errorf("the members are %v", view.Members())
	}
	if status, _ := call(t, http.MethodGet, "http://"+cluster.Nodes()[0].HTTP+proto.PathNodeOnline, "", nil); status != http.StatusUnauthorized {
		t.Errorf("a stranger asks who is online: %d", status)
	}
}

// Messages that the SDK refuses never reach a node, and the connection stays.
func TestTextThatCannotBeSentIsRefusedBeforeItIs(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := connect(t, []string{s.url}, "alice")
	for what, m := range map[string]struct {
		text string
		code proto.Code
	}{
		"empty":                {"", proto.Invalid},
		"1 MB":                 {strings.Repeat("x", 1<<20), proto.TooLarge},
		"above the limit":      {strings.Repeat("x", proto.MaxText+1), proto.TooLarge},
		"not UTF-8":            {"\xff", proto.Invalid},
		"the limit exactly":    {strings.Repeat("x", proto.MaxText), proto.OK},
		"the limit, in quotes": {strings.Repeat(`"`, proto.MaxText), proto.OK},
	} {
		_, err := alice.SendMessage(t.Context(), client.Outgoing{To: alice.Self().User, Text: m.text})
		var refused *proto.Error
		if errors.As(err, &refused); m.code == proto.OK && err != nil || m.code != proto.OK && (refused == nil || refused.Code != m.code) {
			t.Errorf("%s: %v, want %v", what, err, m.code)
		}
	}
	if !alice.State().Connected() {
		t.Error("she lost her connection")
	}
}
