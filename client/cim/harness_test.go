package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
)

const (
	serviceToken = "between ourselves"
	// patience is how long a test waits for what should come at once.
	patience = wait.Limit
)

// system is a store, a route and nodes in this process, wired over real sockets:
// for stories whose order of events has to be forced.
type system struct {
	t      *testing.T
	url    string           // of the route
	store  *record.Store    // the route's, to look at what is recorded
	redis  *embedded.Server // nil: the plan named another
	issuer *token.Issuer
	table  *ring.Table // the members, as the route knows them
	nodes  []*station
}

// station is a node and its way to the route.
type station struct {
	*node.Node
	member  ring.Member
	uplink  *uplink
	metrics *prometheus.Registry
}

// plan says what a system differs in from two nodes in open mode.
type plan struct {
	nodes int
	store string // URL of a Redis; empty: an embedded one, which is slow
	route func(*routefn.Config)
	node  func(*node.Config)
}

func newSystem(t *testing.T, p plan) *system {
	t.Helper()
	s := &system{t: t, table: ring.NewTable()}
	var err error
	if s.issuer, err = token.NewIssuer([]byte("a route key of the tests")); err != nil {
		t.Fatal(err)
	}
	if p.store == "" {
		if s.redis, err = embedded.Start("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.redis.Close)
		p.store = s.redis.URL()
	}
	s.store, err = record.Dial(t.Context(), record.Config{URL: p.store, AllowEmbedded: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	c := routefn.Config{
		Store: s.store, Issuer: s.issuer, ServiceToken: serviceToken, Auth: routefn.AuthOpen,
		Members: func(context.Context) (*ring.View, error) { return s.table.Current(), nil },
	}
	if p.route != nil {
		p.route(&c)
	}
	route, err := routefn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(route.Close)
	server := httptest.NewServer(route.Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
	for range cmp.Or(p.nodes, 2) {
		s.addNode(p.node)
	}
	return s
}

// addNode runs one more node until the test ends.
func (s *system) addNode(change func(*node.Config)) *station {
	s.t.Helper()
	up, err := routes.NewClient(routes.Config{URLs: []string{s.url}, ServiceToken: serviceToken})
	if err != nil {
		s.t.Fatal(err)
	}
	st := &station{uplink: &uplink{route: up}, metrics: prometheus.NewRegistry()}
	c := node.Config{
		ID: fmt.Sprintf("node-%d", len(s.nodes)+1), Boot: rand.Uint64(), Clients: listen(s.t), Internal: listen(s.t),
		Sessions: st.uplink, Messages: st.uplink, Verifier: token.NewVerifier(s.issuer.Public()...), ServiceToken: serviceToken, CIM: node.CIM{Open: true},
		Timeouts: node.Timeouts{Stop: 2 * time.Second}, Registerer: st.metrics,
	}
	st.member = ring.Member{
		ID: c.ID, Boot: c.Boot, Client: c.Clients.Addr().String(), HTTP: c.Internal.Addr().String(),
		Weight: 1000, State: ring.Serving,
	}
	if change != nil {
		change(&c)
	}
	if st.Node, err = node.New(c); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := st.Run(ctx); err != nil {
			s.t.Errorf("%s ends: %v", c.ID, err)
		}
	})
	s.t.Cleanup(func() {
		stop()
		running.Wait()
	})
	s.nodes = append(s.nodes, st)
	s.table.Set(s.members())
	return st
}

func (s *system) members() []ring.Member {
	var list []ring.Member
	for _, st := range s.nodes {
		list = append(list, st.member)
	}
	return list
}

func (s *system) station(id string) *station {
	s.t.Helper()
	i := slices.IndexFunc(s.nodes, func(st *station) bool { return st.member.ID == id })
	if i < 0 {
		s.t.Fatalf("there is no node %q", id)
	}
	return s.nodes[i]
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// recorded returns the live session of a device; nil: there is none.
func (s *system) recorded(user int64, device string) *record.Session {
	s.t.Helper()
	sessions, err := s.store.Sessions(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, live := range sessions {
		if live.Device == device {
			return &live
		}
	}
	return nil
}

// post calls a path of a route or node with a JSON body and returns the code.
func post(t *testing.T, url, bearer string, q, answer any) proto.Code {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	status, b := call(t, http.MethodPost, url, bearer, body)
	if status != http.StatusOK {
		var e proto.ErrorAnswer
		if err := json.Unmarshal(b, &e); err != nil || e.Code == proto.OK {
			t.Fatalf("%s answers %d with no code: %s", url, status, b)
		}
		return e.Code
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			t.Fatalf("%s: %v in %s", url, err, b)
		}
	}
	return proto.OK
}

// call makes a request and returns the answer's status and body. A server that
// has gone fails the test.
func call(t *testing.T, method, url, bearer string, body []byte) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
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
	return response.StatusCode, b
}

// login registers a name and takes a ticket for a device of it.
func login(t *testing.T, route string, q proto.LoginRequest) proto.LoginAnswer {
	t.Helper()
	var answer proto.LoginAnswer
	if code := post(t, route+proto.PathRegister, "", proto.RegisterRequest{Name: q.Name}, nil); code != proto.OK {
		t.Fatalf("register %s: %v", q.Name, code)
	}
	if code := post(t, route+proto.PathLogin, "", q, &answer); code != proto.OK {
		t.Fatalf("login %+v: %v", q, code)
	}
	return answer
}

// peer is one connection of our own kind that does nothing by itself.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dial connects and writes first.
func dial(t *testing.T, address string, first *proto.Frame) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn, in: bufio.NewReader(conn)}
	p.write(first)
	return p
}

// use shows the ticket of a login.
func use(t *testing.T, l proto.LoginAnswer) *peer {
	t.Helper()
	return dial(t, l.Node.Address, &proto.Frame{Ticket: l.Ticket})
}

// enter is use for a ticket that must be let in.
func enter(t *testing.T, l proto.LoginAnswer) *peer {
	t.Helper()
	p := use(t, l)
	if f := p.next(); f.Cmd != proto.Command_LOGIN_ANSWER || f.Number != l.Number {
		t.Fatalf("login with ticket %d answered with %v", l.Number, f)
	}
	return p
}

func (p *peer) write(f *proto.Frame) {
	p.t.Helper()
	b, err := proto.AppendFrame(nil, f)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next frame.
func (p *peer) next() *proto.Frame {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	f, err := proto.ReadFrame(p.in, 1<<20)
	if err != nil {
		p.t.Fatalf("no frame: %v", err)
	}
	return f
}

// message returns the next message's text, passing over what else is told.
func (p *peer) message() string {
	p.t.Helper()
	for {
		switch f := p.next(); f.Cmd {
		case proto.Command_MESSAGE:
			return f.ReqMsg
		case proto.Command_KICK:
			p.t.Fatalf("kicked: %v %s", proto.Code(f.Code), f.ReqMsg)
		}
	}
}

// kicked returns why the node ends the connection, which it must.
func (p *peer) kicked() proto.Code {
	p.t.Helper()
	for {
		if f := p.next(); f.Cmd == proto.Command_KICK {
			return proto.Code(f.Code)
		}
	}
}

// shown returns the texts of the next n messages of a client.
func shown(t *testing.T, c *client.Client, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var texts []string
	for len(texts) < n {
		m, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("%s was shown %d of %d messages, %q: %v", c.Self().Name, len(texts), n, texts, err)
		}
		texts = append(texts, m.Text)
	}
	return texts
}

func send(t *testing.T, c *client.Client, to int64, text string) {
	t.Helper()
	if _, err := c.Send(t.Context(), to, text); err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
}
