package routefn

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serviceToken = "between ourselves"

// world is a route with a store and fake nodes.
type world struct {
	t      testing.TB
	route  *Route
	server *httptest.Server
	redis  *embedded.Server
	issuer *token.Issuer
	table  *ring.Table
	nodes  map[string]*fakeNode
}

// newWorld starts a route in open mode, with the nodes n1 and n2. change may change its
// configuration.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	return newLimitedWorld(t, limit.Limits{}, change)
}

// newLimitedWorld does what newWorld does, with limits.
func newLimitedWorld(t testing.TB, limits limit.Limits, change func(*Config)) *world {
	t.Helper()
	return newStoredWorld(t, record.Config{Limits: limits}, change)
}

// newStoredWorld does what newWorld does, with settings of the store.
func newStoredWorld(t testing.TB, settings record.Config, change func(*Config)) *world {
	t.Helper()
	issuer, err := token.NewIssuer([]byte("a route key of the tests"))
	if err != nil {
		t.Fatal(err)
	}
	redis, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, redis: redis, issuer: issuer, table: ring.NewTable(), nodes: make(map[string]*fakeNode)}
	store := w.dialWith(settings)
	c := Config{
		Store: store, Issuer: issuer, ServiceToken: serviceToken, Auth: AuthOpen,
		Members: func(context.Context) (*ring.View, error) { return w.table.Current(), nil },
		HTTP:    &http.Client{Transport: transport()},
	}
	if change != nil {
		change(&c)
	}
	if w.route, err = New(c); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.route.Handler())
	w.addNode("n1")
	w.addNode("n2")
	t.Cleanup(func() {
		w.server.Close()
		for _, n := range w.nodes {
			n.stop()
		}
		w.route.Close()
		c.HTTP.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		_ = store.Close()
		redis.Close()
	})
	return w
}

// dial opens the store once more, with limits. The caller closes it.
func (w *world) dial(limits limit.Limits) *record.Store {
	w.t.Helper()
	return w.dialWith(record.Config{Limits: limits})
}

func (w *world) dialWith(c record.Config) *record.Store {
	w.t.Helper()
	c.URL, c.AllowEmbedded, c.DialTimeout = w.redis.URL(), true, wait.Limit
	store, err := record.Dial(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return store
}

// call sends a request with the body, and returns the status, the header and the body
// of the answer.
func (w *world) call(method, path, bearer, contentType, body string) (int, http.Header, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, response.Header, b
}

// post sends q as JSON and returns the code of the answer. If the code is OK, it
// decodes the body into answer.
func (w *world) post(path, bearer string, q, answer any) proto.Code {
	w.t.Helper()
	body, ok := q.(string)
	if !ok {
		b, err := json.Marshal(q)
		if err != nil {
			w.t.Fatal(err)
		}
		body = string(b)
	}
	status, _, b := w.call(http.MethodPost, path, bearer, "application/json", body)
	return w.decode(status, b, answer)
}

func (w *world) get(path, bearer string, answer any) proto.Code {
	w.t.Helper()
	status, _, b := w.call(http.MethodGet, path, bearer, "", "")
	return w.decode(status, b, answer)
}

func (w *world) decode(status int, b []byte, answer any) proto.Code {
	w.t.Helper()
	if status != http.StatusOK {
		var e proto.ErrorAnswer
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			w.t.Fatalf("status %d with a body that is no ErrorAnswer: %s", status, b)
		}
		if e.Code == proto.OK || e.Name != e.Code.String() || e.Message == "" || e.Code.HTTPStatus() != status {
			w.t.Fatalf("status %d with %+v", status, e)
		}
		return e.Code
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			w.t.Fatalf("answer %s: %v", b, err)
		}
	}
	return proto.OK
}

// node sends q in protobuf, as a node does, and decodes the answer. It fails the test
// unless the status is 200.
func (w *world) node(path string, q, answer pb.Message) {
	w.t.Helper()
	body, err := pb.Marshal(q)
	if err != nil {
		w.t.Fatal(err)
	}
	status, _, b := w.call(http.MethodPost, path, serviceToken, proto.ContentProtobuf, string(body))
	if status != http.StatusOK {
		w.t.Fatalf("%s answers %d: %s", path, status, b)
	}
	if err := pb.Unmarshal(b, answer); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) register(name string) int64 {
	w.t.Helper()
	var answer proto.RegisterAnswer
	if code := w.post(proto.PathRegister, "", proto.RegisterRequest{Name: name}, &answer); code != proto.OK {
		w.t.Fatalf("register %s: %v", name, code)
	}
	return answer.User
}

func (w *world) login(q proto.LoginRequest) proto.LoginAnswer {
	w.t.Helper()
	var answer proto.LoginAnswer
	if code := w.post(proto.PathLogin, "", q, &answer); code != proto.OK {
		w.t.Fatalf("login %+v: %v", q, code)
	}
	return answer
}

// opening returns the opening that a node reports after the ticket of the login has
// come to it.
func (w *world) opening(l proto.LoginAnswer) *proto.Opening {
	w.t.Helper()
	ticket, err := token.NewVerifier(w.issuer.Public()...).Ticket(l.Ticket)
	if err != nil {
		w.t.Fatal(err)
	}
	return &proto.Opening{
		Session: &proto.Session{
			User: ticket.User, Name: ticket.Name, Device: ticket.Device, Number: ticket.Number, Proof: ticket.Proof,
		},
		Displaces: ticket.Displaces,
	}
}

// report reports openings from n and returns their answers.
func (w *world) report(n *fakeNode, openings ...*proto.Opening) []*proto.Opened {
	w.t.Helper()
	var answer proto.ReportAnswer
	w.node(proto.PathNodeReport, &proto.ReportRequest{Origin: n.origin, Opened: openings}, &answer)
	if len(answer.Opened) != len(openings) {
		w.t.Fatalf("%d answers to %d openings", len(answer.Opened), len(openings))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range answer.Opened {
		if o.Code == 0 {
			n.here[o.Number] = true
		}
	}
	return answer.Opened
}

func (w *world) close(n *fakeNode, sessions ...*proto.Session) {
	w.t.Helper()
	q := &proto.ReportRequest{Origin: n.origin}
	for _, s := range sessions {
		q.Closed = append(q.Closed, &proto.Closing{Session: s})
	}
	w.node(proto.PathNodeReport, q, new(proto.ReportAnswer))
}

// connection is a user's open connection, at the node that its ticket named.
type connection struct {
	proto.LoginAnswer
	session *proto.Session
	node    *fakeNode
	opened  *proto.Opened
}

// connect registers a user, logs a device in and opens its session.
func (w *world) connect(name, device string) connection {
	w.t.Helper()
	w.register(name)
	l := w.login(proto.LoginRequest{Name: name, Device: device})
	o, n := w.opening(l), w.nodes[l.Node.ID]
	opened := w.report(n, o)[0]
	if opened.Code != 0 {
		w.t.Fatalf("open %s: %v", name, opened)
	}
	return connection{LoginAnswer: l, session: o.Session, node: n, opened: opened}
}

// connectCIM registers a user and opens a CIM connection at the node n.
func (w *world) connectCIM(name string, n *fakeNode) (user int64, opened *proto.Opened) {
	w.t.Helper()
	user = w.register(name)
	return user, w.report(n, cimOpening(user, name))[0]
}

func cimOpening(user int64, name string) *proto.Opening {
	return &proto.Opening{Session: &proto.Session{User: user, Name: name, Device: proto.CIMDevice}}
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.route.Flush(wait.Context(w.t)); err != nil {
		w.t.Fatalf("flush: %v", err)
	}
}

// live returns the number of the device's live session, or zero.
func (w *world) live(user int64, device string) int64 {
	w.t.Helper()
	sessions, err := w.route.cfg.Store.Sessions(w.t.Context(), user)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range sessions {
		if s.Device == device {
			return s.Number
		}
	}
	return 0
}
