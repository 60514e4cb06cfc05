package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
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

// TestBadInputHarmsNobody sends a node and a route everything that a stranger or a
// broken client can send, while users chat. Each input is refused with a code and a
// counter. Both processes live on and leak nothing, and no user misses a message.
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
	eventually(t, "everybody is shown everything", crowd.caughtUp)
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
	eventually(t, "no goroutine is left of it", func() bool { return metric(t, node, "go_goroutines") <= goroutines+8 })
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
		message("7", s.user, 0, strings.Repeat("x", proto.MaxText+1)),
		&proto.Frame{Cmd: proto.Command_ACK, Cursors: []*proto.Mark{{Log: -5, Epoch: 1, Number: 1 << 62}, {Number: -1}}},
		message("8", s.user, 0, "to the sender"))
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
		"a message of 1 MB":            {message("9", s.user, 0, strings.Repeat("x", 1<<20)), proto.FrameTooLong},
		"a command that is not theirs": {&proto.Frame{Cmd: proto.Command_KICK}, proto.BadFrame},
		"a command that nobody knows":  {&proto.Frame{Cmd: 99}, proto.BadFrame},
		"a second login":               {&proto.Frame{Ticket: "x"}, proto.BadFrame},
	} {
		if code, _, err := s.talk(s.ticket(s.other.ID), c.frame); err != nil || code != c.code {
			s.t.Errorf("%s: %v, %v, want %v", what, code, err, c.code)
		}
	}
}
