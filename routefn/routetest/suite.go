package routetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// text is a message that must arrive unchanged.
const text = "ü <b>&amp;</b> \u2028 🍕 \"quoted\" \x00 end"

// Suite runs the tests against the route at the URL base. They register a user with the
// given name, so each run in one World needs another name.
func Suite(t *testing.T, base, name string) {
	s := &suite{base: base, name: name}
	t.Run("bad requests", s.refuses)
	t.Run("a message", s.message)
	t.Run("tokens", s.tokens)
	t.Run("members", s.members)
	t.Run("nodes", s.nodes)
}

type suite struct{ base, name string }

// call is one request. A body that is neither a string nor a []byte is sent as JSON.
type call struct {
	method, path string
	body         any
	header       http.Header
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *suite) do(t *testing.T, c call) answer {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	var body []byte
	switch b := c.body.(type) {
	case nil:
		header.Del("Content-Type")
	case string:
		body = []byte(b)
	case []byte:
		body = b
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), c.method, s.base+c.path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	for key, values := range c.header {
		r.Header[key] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, b}
}

// decode checks that the answer has the status in the parameter want. It decodes the
// answer into the variable to which the parameter into points.
func (a answer) decode(t *testing.T, want int, into any) {
	t.Helper()
	if a.status != want {
		t.Fatalf("status is %d, want %d: %s", a.status, want, a.body)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type is %q", kind)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%v: %q", err, a.body)
	}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func (s *suite) refuses(t *testing.T) {
	for name, c := range map[string]struct {
		call
		status int
		code   proto.Code
	}{
		"no such path":    {call{"GET", "/v1/nowhere", nil, nil}, 404, proto.NotFound},
		"another method":  {call{"GET", proto.PathLogin, nil, nil}, 405, proto.NotFound},
		"no JSON":         {call{"POST", proto.PathLogin, "{", nil}, 400, proto.Invalid},
		"no body":         {call{"POST", proto.PathLogin, nil, nil}, 400, proto.Invalid},
		"no UTF-8":        {call{"POST", proto.PathRegister, "{\"name\":\"\xff\"}", nil}, 400, proto.Invalid},
		"unknown field":   {call{"POST", proto.PathRegister, `{"nom":"alice"}`, nil}, 400, proto.Invalid},
		"another content": {call{"POST", proto.PathRegister, `{"name":"alice"}`, http.Header{"Content-Type": {"text/plain"}}}, 400, proto.Invalid},
		"huge body":       {call{"POST", proto.PathRegister, `{"name":"` + strings.Repeat("a", 600<<10) + `"}`, nil}, 413, proto.TooLarge},
		"no token":        {call{"POST", proto.PathSend, proto.SendMessage{}, nil}, 401, proto.Unauthorized},
		"wrong token":     {call{"POST", proto.PathSend, proto.SendMessage{}, bearer("a,b")}, 401, proto.Unauthorized},
		"no node":         {call{"POST", proto.PathNodeReport, []byte{}, nil}, 401, proto.Unauthorized},
	} {
		var failed proto.ErrorAnswer
		a := s.do(t, c.call)
		a.decode(t, c.status, &failed)
		if failed.Code != c.code {
			t.Errorf("%s: code is %v, want %v", name, failed.Code, c.code)
		}
		if c.status == 405 && a.header.Get("Allow") != "POST" {
			t.Errorf("%s: allowed is %q", name, a.header.Get("Allow"))
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: header is %v", name, a.header)
		}
	}
}

// message registers a user, logs in, sends a message, and reads it again.
func (s *suite) message(t *testing.T) {
	var account proto.RegisterAnswer
	s.do(t, call{"POST", proto.PathRegister, proto.RegisterRequest{Name: s.name}, nil}).decode(t, 200, &account)
	var login proto.LoginAnswer
	s.do(t, call{"POST", proto.PathLogin, proto.LoginRequest{Name: s.name, Device: "phone"}, nil}).decode(t, 200, &login)
	if login.User != account.User || login.Node.ID != "node-1" || login.Ticket == "" {
		t.Fatalf("login answers %+v", login)
	}
	var user proto.User
	query := url.Values{"name": {s.name}}.Encode()
	s.do(t, call{"GET", proto.PathUser + "?" + query, nil, bearer(login.Token)}).decode(t, 200, &user)
	if user.User != account.User || user.Name != s.name {
		t.Errorf("user is %+v", user)
	}
	var failed proto.ErrorAnswer
	s.do(t, call{"GET", proto.PathUser + "?name=a&id=1", nil, bearer(login.Token)}).decode(t, 400, &failed)

	send := proto.SendMessage{ID: "1", To: account.User, Text: text}
	for range 2 { // the second request is a repetition of the same message
		var receipt proto.SendReceipt
		s.do(t, call{"POST", proto.PathSend, send, bearer(login.Token)}).decode(t, 200, &receipt)
		if receipt.ID != "1" || receipt.At.Number == 0 {
			t.Errorf("receipt is %+v", receipt)
		}
	}
	var pulled proto.PulledMessages
	s.do(t, call{"POST", proto.PathPull, proto.PullMessages{}, bearer(login.Token)}).decode(t, 200, &pulled)
	if len(pulled.Messages) != 1 || pulled.Messages[0].Text != text {
		t.Errorf("pulled %+v", pulled.Messages)
	}
	accept := bearer(login.Token)
	accept.Set("Accept", proto.ContentProtobuf)
	a := s.do(t, call{"POST", proto.PathPull, proto.PullMessages{}, accept})
	page := new(proto.Page)
	if err := pb.Unmarshal(a.body, page); err != nil || a.header.Get("Content-Type") != proto.ContentProtobuf {
		t.Fatalf("a page as protobuf: %v, %v", a.header, err)
	}
	if got, err := page.Pulled(); err != nil || !reflect.DeepEqual(got, pulled) {
		t.Errorf("as protobuf %+v, %v, as JSON %+v", got, err, pulled)
	}
}

// tokens refreshes the user's tokens and reads with the new access token. Then it checks
// that the use of an old refresh token ends the session.
func (s *suite) tokens(t *testing.T) {
	var login proto.LoginAnswer
	s.do(t, call{"POST", proto.PathLogin, proto.LoginRequest{Name: s.name, Device: "desk"}, nil}).decode(t, 200, &login)
	next := proto.RefreshAnswer{Access: login.Access, Refresh: login.Refresh}
	for range 3 {
		request := proto.RefreshRequest{Refresh: next.Refresh}
		var again proto.RefreshAnswer
		s.do(t, call{"POST", proto.PathRefresh, request, nil}).decode(t, 200, &next)
		s.do(t, call{"POST", proto.PathRefresh, request, nil}).decode(t, 200, &again)
		if again.Refresh != next.Refresh {
			t.Error("a repetition gets another refresh token")
		}
	}
	read := call{"POST", proto.PathPull, proto.PullMessages{}, bearer(next.Access)}
	var pulled proto.PulledMessages
	s.do(t, read).decode(t, 200, &pulled)
	var failed proto.ErrorAnswer
	s.do(t, call{"POST", proto.PathRefresh, proto.RefreshRequest{Refresh: login.Refresh}, nil}).decode(t, 401, &failed)
	if failed.Code != proto.SessionEnded {
		t.Errorf("a refresh token of long before is answered %v", failed.Code)
	}
	s.do(t, read).decode(t, 401, &failed)
}

func (s *suite) members(t *testing.T) {
	var members []struct{ ID string }
	a := s.do(t, call{"GET", proto.PathMembers, nil, nil})
	a.decode(t, 200, &members)
	if len(members) != 1 {
		t.Errorf("members are %s", a.body)
	}
	tag := a.header.Get("ETag")
	again := s.do(t, call{"GET", proto.PathMembers, nil, http.Header{"If-None-Match": {`"other"`, tag}}})
	if again.status != http.StatusNotModified || len(again.body) != 0 || again.header.Get("ETag") != tag {
		t.Errorf("with %s the answer is %d %q %v", tag, again.status, again.body, again.header)
	}
}

// nodes makes requests of a node. Their bodies are protobuf, which is not text.
func (s *suite) nodes(t *testing.T) {
	service := bearer(ring.ServiceToken([]byte(ClusterKey)))
	var keys struct{ Keys []string }
	s.do(t, call{"GET", proto.PathNodeKeys, nil, service}).decode(t, 200, &keys)

	report, err := pb.Marshal(&proto.ReportRequest{
		Origin: &proto.Origin{Node: "node-1", Boot: 0xfffefdfcfbfaf9f8, Address: "127.0.0.1:1"},
		Opened: []*proto.Opening{{Session: &proto.Session{User: 1 << 62, Device: "phone", Number: 1<<62 + 0xff}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	service.Set("Content-Type", proto.ContentProtobuf)
	a := s.do(t, call{"POST", proto.PathNodeReport, report, service})
	if a.status != 200 || a.header.Get("Content-Type") != proto.ContentProtobuf {
		t.Fatalf("report is answered %d %v: %s", a.status, a.header, a.body)
	}
	answer := new(proto.ReportAnswer)
	if err := pb.Unmarshal(a.body, answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Opened) != 1 || proto.Code(answer.Opened[0].Code) == proto.OK {
		t.Errorf("an opening without a ticket is answered %v", answer)
	}
}
