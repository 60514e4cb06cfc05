package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// strangers are at the doors of a running cluster.
type strangers struct {
	t     *testing.T
	route string
	node  *up.Node // that all come to
	other *up.Node
	user  int64  // an account that exists
	token string // a token for the route
}

// TestBadInputHarmsNobody throws everything that a stranger, or a broken client,
// can send at a node and at a route while users chat: each is refused with a code
// and a counter, both processes live, nothing is left of it, and no user misses
// a message.
func TestBadInputHarmsNobody(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2})
	crowd := newCrowd(t, cluster.RouteURLs(), 6, "chat")
	crowd.round()
	s := &strangers{t: t, route: cluster.RouteURLs()[0], node: cluster.Nodes()[0], other: cluster.Nodes()[1]}
	l := login(t, s.route, proto.LoginRequest{Name: "carol", Device: "phone"})
	s.user, s.token = l.User, l.Token
	node := "http://" + s.node.HTTP
	goroutines := metric(t, node, "go_goroutines")
	logs := logSize(t, s.node.Process) + logSize(t, cluster.Routes()[0])

	var throwing sync.WaitGroup
	done := make(chan struct{})
	throwing.Go(func() {
		defer close(done)
		for range 3 {
			s.frames()
			s.tickets()
			s.sends()
			s.routeBodies()
			s.nodeBodies()
		}
	})
	for thrown := false; !thrown; {
		crowd.round()
		select {
		case <-done:
			thrown = true
		default:
		}
	}
	throwing.Wait()
	crowd.round()
	within(t, patience, "everybody is shown everything", crowd.caughtUp)
	t.Logf("%d messages to each of %d users meanwhile", crowd.sent.Load(), len(crowd.readers))

	for _, p := range []*up.Process{s.node.Process, s.other.Process, cluster.Routes()[0]} {
		if !p.Running() {
			t.Errorf("%s has ended", p.Name)
		}
	}
	s.counted(node, `cim_node_closes_total{code=%q}`, proto.BadFrame, proto.FrameTooLong, proto.NotLogin,
		proto.Invalid, proto.BadTicket, proto.WrongNode, proto.WrongPassword)
	s.counted(node, `cim_node_send_answers_total{code=%q}`, proto.Invalid, proto.UnknownUser, proto.UnknownGroup, proto.TooLarge)
	s.counted(s.route, `cim_route_requests_total{code=%q,use_case="send"}`, proto.Invalid, proto.UnknownUser, proto.TooLarge, proto.Unauthorized)
	s.counted(s.route, `cim_route_requests_total{code=%q,use_case="node-report"}`, proto.Unauthorized)
	if n := metric(t, s.route, `cim_route_requests_total{code="panic",use_case="send"}`); n != 0 {
		t.Errorf("%v requests panicked", n)
	}
	within(t, patience, "no goroutine is left of it", func() bool { return metric(t, node, "go_goroutines") <= goroutines+8 })
	if grown := logSize(t, s.node.Process) + logSize(t, cluster.Routes()[0]) - logs; grown > 8<<10 {
		t.Errorf("the logs grew by %d bytes", grown)
	}
}

func (s *strangers) counted(url, metricName string, codes ...proto.Code) {
	s.t.Helper()
	for _, code := range codes {
		if name := fmt.Sprintf(metricName, code.String()); metric(s.t, url, name) < 1 {
			s.t.Errorf("%s has not moved", name)
		}
	}
}

func logSize(t *testing.T, p *up.Process) int64 {
	t.Helper()
	info, err := os.Stat(p.Log)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// refused writes bytes to the node and waits until it has closed the connection.
func (s *strangers) refused(what string, b []byte) {
	conn, err := net.Dial("tcp", s.node.Client)
	if err != nil {
		s.t.Errorf("%s: the node takes nobody: %v", what, err)
		return
	}
	defer conn.Close()
	_, err = conn.Write(b)
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(patience))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("%s: still connected after %v", what, patience)
	}
}

func (s *strangers) frames() {
	user := string(cimBytes("carol", s.user, cimLogin))
	for what, b := range map[string]string{
		"an empty frame":                     "\x00",
		"a login of a negative user":         string(cimBytes("x", -1, cimLogin)),
		"a login above the largest user":     string(cimBytes("x", proto.MaxUser+1, cimLogin)),
		"a taken name of another user":       string(cimBytes("chat-0", 99, cimLogin)),
		"a login under another's name":       string(cimBytes("chat-0", s.user, cimLogin)),
		"a login without a name":             string(cimBytes("", s.user, cimLogin)),
		"a ping first":                       string(cimBytes("ping", s.user, cimPing)),
		"a length of 2 GB":                   "\xff\xff\xff\xff\x07",
		"a length above the limit":           string(binary.AppendUvarint(nil, proto.MaxFrame+1)),
		"a length above the limit, later":    user + string(binary.AppendUvarint(nil, proto.MaxFrame+1)),
		"a length without an end":            "\xff\xff\xff\xff\xff\xff",
		"garbage":                            "\x04\xff\xff\xff\xff",
		"a name that is not UTF-8":           "\x05\x0a\x01\xff\x10\x01",
		"a text that is not UTF-8, later":    user + "\x05\x0a\x01\xff\x18\x11",
		"a field that runs over the frame":   "\x03\x0a\x7fx",
		"HTTP that is no WebSocket":          "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a WebSocket without its key":        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"headers without an end":             "GET /ws HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10),
		"TLS where there is no certificate":  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 512),
		"a command that nobody knows, first": "\x03\x18\xff\x01",
	} {
		s.refused(what, []byte(b))
	}
	// The start of a frame, and then nothing: nobody waits for it.
	conn, err := net.Dial("tcp", s.node.Client)
	if err != nil {
		s.t.Errorf("the node takes nobody: %v", err)
		return
	}
	_, _ = conn.Write([]byte(user + "\x7f\x0a"))
	_ = conn.Close()
}

// tickets are refused with a code, because whoever has one is one of ours.
func (s *strangers) tickets() {
	issuer, err := token.NewIssuer([]byte("the key of another cluster"))
	if err != nil {
		s.t.Error(err)
		return
	}
	good := token.Ticket{
		User: s.user, Name: "carol", Device: "phone", Number: 1 << 50, Displaces: token.Any,
		Node: s.node.ID, Expires: time.Now().Add(time.Minute),
	}
	forged, err := issuer.Ticket(good)
	if err != nil {
		s.t.Error(err)
		return
	}
	here, there := s.ticket(s.other.ID), s.ticket(s.node.ID)
	for what, c := range map[string]struct {
		ticket string
		code   proto.Code
	}{
		"of another cluster": {forged, proto.BadTicket},
		"with a flipped bit": {flipped(here), proto.BadTicket},
		"of another node":    {there, proto.WrongNode},
		"that is none":       {strings.Repeat("x", 10000), proto.BadTicket},
	} {
		if code, err := s.show(c.ticket); err != nil || code != c.code {
			s.t.Errorf("a ticket %s: %v, %v, want %v", what, code, err, c.code)
		}
	}
}

// ticket returns one for the node that is not avoided.
func (s *strangers) ticket(avoid string) string {
	var l proto.LoginAnswer
	q := proto.LoginRequest{Name: "carol", Device: "phone", Avoid: []string{avoid}}
	if code := post(s.t, s.route+proto.PathLogin, "", q, &l); code != proto.OK {
		s.t.Errorf("login: %v", code)
	}
	return l.Ticket
}

// show returns what a ticket is answered with.
func (s *strangers) show(ticket string) (proto.Code, error) {
	code, _, err := s.talk(ticket)
	return code, err
}

// talk logs in with a ticket and writes the frames, each of which but an
// acknowledgement is answered. It returns the answers to messages, and why the
// connection ended, if it did.
func (s *strangers) talk(ticket string, frames ...*proto.Frame) (code proto.Code, answers []proto.Code, err error) {
	conn, err := net.Dial("tcp", s.node.Client)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	in := bufio.NewReader(conn)
	for _, f := range append([]*proto.Frame{{Ticket: ticket}}, frames...) {
		b, err := proto.AppendFrame(nil, f)
		if err != nil {
			return 0, nil, err
		}
		if _, err := conn.Write(b); err != nil {
			return 0, nil, err
		}
		if f.Cmd == proto.Command_ACK {
			continue
		}
		answer, err := readAnswer(in)
		if err != nil {
			return 0, nil, err
		}
		switch answer.Cmd {
		case proto.Command_KICK:
			return proto.Code(answer.Code), answers, nil
		case proto.Command_SEND_ANSWER:
			answers = append(answers, proto.Code(answer.Code))
		}
	}
	return proto.OK, answers, nil
}

func readAnswer(in *bufio.Reader) (*proto.Frame, error) {
	for {
		f, err := proto.ReadFrame(in, 1<<20)
		if err != nil || f.Cmd == proto.Command_LOGIN_ANSWER || f.Cmd == proto.Command_SEND_ANSWER || f.Cmd == proto.Command_KICK {
			return f, err
		}
	}
}

// sends come over a connection that was let in. It stays, unless a frame of it
// cannot be read at all.
func (s *strangers) sends() {
	nth := fmt.Sprintf("%x-", rand.Uint64()) // an id names one message
	message := func(id string, to, group int64, text string) *proto.Frame {
		if id != "" {
			id = nth + id
		}
		return &proto.Frame{Cmd: proto.Command_SEND, Id: id, To: to, Group: group, ReqMsg: text}
	}
	code, answers, err := s.talk(s.ticket(s.other.ID),
		message("1", 99, 0, "to nobody"),
		message("2", 0, 99, "to no group"),
		message("3", 0, 0, "to neither"),
		message("4", s.user, proto.Everyone, "to both"),
		message("5", -1, 0, "to less than nobody"),
		message("6", s.user, 0, ""),
		message("", s.user, 0, "without an id"),
		message("an id\nin two lines", s.user, 0, "x"),
		message("7", s.user, 0, strings.Repeat("x", 60<<10)),
		&proto.Frame{Cmd: proto.Command_ACK, Cursors: []*proto.Mark{{Log: -5, Epoch: 1, Number: 1 << 62}, {Number: -1}}},
		message("8", s.user, 0, "to himself"))
	want := []proto.Code{
		proto.UnknownUser, proto.UnknownGroup, proto.Invalid, proto.Invalid, proto.Invalid, proto.Invalid, proto.Invalid,
		proto.Invalid, proto.TooLarge, proto.OK,
	}
	if err != nil || code != proto.OK || fmt.Sprint(answers) != fmt.Sprint(want) {
		s.t.Errorf("bad messages were answered with %v, %v, %v, want %v", answers, code, err, want)
	}
	for what, c := range map[string]struct {
		frame *proto.Frame
		code  proto.Code
	}{
		"a message of 1 MB":           {message("9", s.user, 0, strings.Repeat("x", 1<<20)), proto.FrameTooLong},
		"a command that is not his":   {&proto.Frame{Cmd: proto.Command_KICK}, proto.BadFrame},
		"a command that nobody knows": {&proto.Frame{Cmd: 99}, proto.BadFrame},
		"a second login":              {&proto.Frame{Ticket: "x"}, proto.BadFrame},
	} {
		if code, _, err := s.talk(s.ticket(s.other.ID), c.frame); err != nil || code != c.code {
			s.t.Errorf("%s: %v, %v, want %v", what, code, err, c.code)
		}
	}
}

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
		"a text above the limit":     {proto.PathSend, `{` + to + `"text":"` + strings.Repeat("x", 17<<10) + `"}`, 413},
		"a text of 1 MB":             {proto.PathSend, `{` + to + `"text":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"nesting without an end":     {proto.PathSend, strings.Repeat("[", 100_000), 400},
		"a user who does not exist":  {proto.PathSend, `{"id":"to-nobody","to":99,"text":"x"}`, 404},
		"a group that does not":      {proto.PathSend, `{"id":"to-no-group","group":99,"text":"x"}`, 404},
		"a message to oneself":       {proto.PathSend, `{` + to + `"text":"x"}`, 200},
		"a position of nowhere":      {proto.PathPull, `{"after":{"log":0,"epoch":"ffffffffffffffff","number":9000000000000000000},"limit":10}`, 409},
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
	s.answered("no path", http.MethodGet, at+"/debug/pprof/", "", "", "", 404)
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
	within(t, patience, "everybody is shown everything", crowd.caughtUp)
	view := members(t, route)
	if first, ok := view.Member("node-1"); view.Ring().Len() != 2 || !ok || first.Client != cluster.Nodes()[0].Client {
		t.Errorf("the members are %v", view.Members())
	}
	if status, _ := call(t, http.MethodGet, "http://"+cluster.Nodes()[0].HTTP+proto.PathNodeOnline, "", nil); status != http.StatusUnauthorized {
		t.Errorf("a stranger asks who is online: %d", status)
	}
}

// What the SDK refuses by itself never reaches a node, and the connection stays.
func TestTextThatCannotBeSentIsRefusedBeforeItIs(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := connect(t, []string{s.url}, "alice")
	for what, m := range map[string]struct {
		text string
		code proto.Code
	}{
		"empty":          {"", proto.Invalid},
		"1 MB":           {strings.Repeat("x", 1<<20), proto.TooLarge},
		"above 16 KiB":   {strings.Repeat("x", 16<<10+1), proto.TooLarge},
		"not UTF-8":      {"\xff", proto.Invalid},
		"16 KiB exactly": {strings.Repeat("x", 16<<10), proto.OK},
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
