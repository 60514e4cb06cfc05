package routefn

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/roster"
)

// certified is a world in which processes have certificates, and an operator.
type certified struct {
	*world
	keyOf func(role cert.Role, id string) *cert.Keyring
}

// newCertified starts a route with a certificate. Its nodes n1 and n2 have signed their
// members.
func newCertified(t *testing.T, acceptToken bool) *certified {
	t.Helper()
	operator, err := cert.NewOperator()
	if err != nil {
		t.Fatal(err)
	}
	c := &certified{keyOf: func(role cert.Role, id string) *cert.Keyring {
		of := cert.Certificate{Role: role, ID: id, NotAfter: time.Now().Add(time.Hour)}
		if role == cert.Node {
			of.Weight = 1000
		}
		i, err := cert.NewIdentity(of, operator)
		if err != nil {
			t.Fatal(err)
		}
		return cert.NewKeyring(i, time.Now)
	}}
	c.world = newWorld(t, func(config *Config) {
		config.Certs, config.AcceptToken = c.keyOf(cert.Route, "route-1"), acceptToken
		config.Roster = roster.New(roster.Config{Keys: config.Certs, Unsigned: acceptToken, Now: time.Now})
	})
	var members []ring.Member
	for _, m := range c.table.Current().Members() {
		m.Signed = string(c.keyOf(cert.Node, m.ID).SignRecord(m.Identity()))
		members = append(members, m)
	}
	c.table.Set(members)
	return c
}

// ask calls a path of nodes by HTTP and returns the code of the answer. prove puts the
// credentials into the header; body is what is sent.
func (c *certified) ask(path string, body []byte, prove func(http.Header, []byte)) proto.Code {
	c.t.Helper()
	method := http.MethodPost
	if path == proto.PathNodeKeys || path == proto.PathNodeStream {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	prove(r.Header, body)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.decode(answer.StatusCode, b, nil)
}

func withToken(h http.Header, _ []byte) { h.Set("Authorization", "Bearer "+serviceToken) }

// by proves a call of the keyring's process.
func by(k *cert.Keyring, path string) func(http.Header, []byte) {
	return func(h http.Header, body []byte) { k.Prove(h, "", "", http.MethodPost, path, body) }
}

func encoded(t *testing.T, m pb.Message) []byte {
	t.Helper()
	b, err := pb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The attacker has only the cluster key, from which the service token is made.
func TestClusterKeyAloneCannotActAsANode(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	for _, path := range []string{
		proto.PathNodeReport, proto.PathNodeSend, proto.PathNodeReconcile, proto.PathNodePull, proto.PathNodeMove, proto.PathNodeFire,
		proto.PathNodeKeys, proto.PathNodeStream,
	} {
		if code := c.ask(path, encoded(t, &proto.ReconcileRequest{Origin: c.nodes["n1"].origin, Groups: true}), withToken); code != proto.Unauthorized {
			t.Errorf("%s with the cluster key is answered %v", path, code)
		}
	}
}

func TestNodeActsOnlyAsItself(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	n1, n2 := c.nodes["n1"].origin, c.nodes["n2"].origin
	key := c.keyOf(cert.Node, "n1")
	elsewhere := &proto.Origin{Node: "n1", Boot: n1.Boot, Address: "127.0.0.1:1"}
	reconcile := func(o *proto.Origin) []byte { return encoded(t, &proto.ReconcileRequest{Origin: o, Groups: true}) }
	for name, row := range map[string]struct {
		origin *proto.Origin
		prove  func(http.Header, []byte)
		want   proto.Code
	}{
		"as itself":           {n1, by(key, proto.PathNodeReconcile), proto.OK},
		"as another node":     {n2, by(key, proto.PathNodeReconcile), proto.Unauthorized},
		"at another address":  {elsewhere, by(key, proto.PathNodeReconcile), proto.Unavailable},
		"with another path":   {n1, by(key, proto.PathNodeSend), proto.Unauthorized},
		"as a route":          {n1, by(c.keyOf(cert.Route, "n1"), proto.PathNodeReconcile), proto.Unauthorized},
		"by another operator": {n1, by(newCertified(t, false).keyOf(cert.Node, "n1"), proto.PathNodeReconcile), proto.Unauthorized},
		"with another body": {n1, func(h http.Header, _ []byte) {
			key.Prove(h, "", "", http.MethodPost, proto.PathNodeReconcile, []byte("x"))
		}, proto.Unauthorized},
		"that is no member":      {&proto.Origin{Node: "n9", Boot: 1, Address: "127.0.0.1:1"}, by(c.keyOf(cert.Node, "n9"), proto.PathNodeReconcile), proto.Unavailable},
		"with nothing but words": {n1, func(http.Header, []byte) {}, proto.Unauthorized},
	} {
		if code := c.ask(proto.PathNodeReconcile, reconcile(row.origin), row.prove); code != row.want {
			t.Errorf("a node %s is answered %v, want %v", name, code, row.want)
		}
	}
}

func TestStreamBelongsToTheNodeThatOpenedIt(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	key := c.keyOf(cert.Node, "n1")
	open := func(header func() http.Header) *stream.Client {
		dial, err := stream.Dialer(c.server.URL+proto.PathNodeStream, header, new(net.Dialer).DialContext, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := stream.NewClient(stream.ClientConfig{Dial: dial})
		t.Cleanup(s.Close)
		return s
	}
	own := open(func() http.Header {
		h := make(http.Header)
		key.Prove(h, "", "", http.MethodGet, proto.PathNodeStream, nil)
		return h
	})
	for id, want := range map[string]proto.Code{"n1": proto.OK, "n2": proto.Unauthorized} {
		answer, err := own.Call(t.Context(), proto.PathNodeReconcile, encoded(t, &proto.ReconcileRequest{Origin: c.nodes[id].origin}))
		if err != nil {
			t.Fatal(err)
		}
		got := proto.OK
		if answer.Status != http.StatusOK {
			got = c.decode(answer.Status, answer.Body, nil)
		}
		if got != want {
			t.Errorf("as %s on the stream of n1: %v, want %v", id, got, want)
		}
	}
	token := open(func() http.Header { return http.Header{"Authorization": {"Bearer " + serviceToken}} })
	if _, err := token.Call(t.Context(), proto.PathNodeReconcile, nil); err == nil || !strings.Contains(err.Error(), stream.ErrRefused.Error()) {
		t.Errorf("the cluster key opens a stream: %v", err)
	}
}

// A member that has no certificate, or goes beyond it, is given no user, however large it
// says that it is.
func TestClusterKeyAloneIsGivenNoUsers(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	intruder := ring.Member{ID: "n0", Boot: 9, Client: "127.0.0.1:9", HTTP: c.nodes["n1"].origin.Address, Weight: ring.MaxWeight, State: ring.Serving}
	stolen := c.table.Current().Members()[0] // n1's signature under a larger weight
	stolen.ID, stolen.Weight = "n3", ring.MaxWeight
	heavy := intruder
	heavy.ID = "n4"
	heavy.Signed = string(c.keyOf(cert.Node, "n4").SignRecord(heavy.Identity()))
	c.table.Set(append([]ring.Member{intruder, stolen, heavy}, c.table.Current().Members()...))
	for i := range 16 {
		name := fmt.Sprintf("user-%d", i)
		c.register(name)
		if got := c.landsOn(name); got != "n1" && got != "n2" {
			t.Errorf("%s lands on %s", name, got)
		}
	}
	view, err := c.route.cfg.Members(context.Background())
	if err != nil || len(view.Members()) != 2 {
		t.Errorf("the route knows %v, %v", view.Members(), err)
	}
}

func TestClusterKeyIsAcceptedWhenAskedFor(t *testing.T) {
	t.Parallel()
	c := newCertified(t, true)
	q := encoded(t, &proto.ReconcileRequest{Origin: c.nodes["n1"].origin, Groups: true})
	if code := c.ask(proto.PathNodeReconcile, q, withToken); code != proto.OK {
		t.Errorf("the cluster key is answered %v", code)
	}
	if n := testutil.ToFloat64(c.route.metrics.TokenCalls); n != 1 {
		t.Errorf("%v requests were counted, want 1", n)
	}
	if code := c.ask(proto.PathNodeReconcile, q, by(c.keyOf(cert.Node, "n1"), proto.PathNodeReconcile)); code != proto.OK {
		t.Errorf("a certificate is answered %v", code)
	}
	if n := testutil.ToFloat64(c.route.metrics.TokenCalls); n != 1 {
		t.Errorf("a certificate was counted as the cluster key")
	}
	// A push reaches a node of the version before, which knows the token only.
	alice, bob := c.connect("alice", "phone"), c.connect("bob", "phone")
	if code := c.post(proto.PathSend, alice.Token, proto.SendMessage{To: bob.session.User, Text: "hi", ID: "1"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	c.flush()
	if len(bob.node.items()) == 0 {
		t.Error("nothing was pushed")
	}
}

// sendAs sends a message as a session, as its node does, and returns the code.
func (c *certified) sendAs(s *proto.Session, node string, id string) proto.Code {
	c.t.Helper()
	var answer proto.SendAnswer
	c.asNode(node, proto.PathNodeSend, &proto.SendRequest{
		Origin: c.nodes[node].origin, Items: []*proto.SendItem{{Session: s, Id: id, To: s.User, Text: "hi"}},
	}, &answer)
	return proto.Code(answer.Items[0].Code)
}

// asNode sends q as a certified node does, and decodes the answer.
func (c *certified) asNode(node, path string, q, answer pb.Message) {
	c.t.Helper()
	body, err := pb.Marshal(q)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.server.URL+path, strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	by(c.keyOf(cert.Node, node), path)(r.Header, body)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s answers %d: %s, %v", path, response.StatusCode, b, err)
	}
	if err := pb.Unmarshal(b, answer); err != nil {
		c.t.Fatal(err)
	}
}

// opened logs alice in and opens the session at its node.
func (c *certified) opened() (session *proto.Session, node string) {
	c.t.Helper()
	c.register("alice")
	l := c.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	o := c.opening(l)
	var answer proto.ReportAnswer
	c.asNode(l.Node.ID, proto.PathNodeReport, &proto.ReportRequest{Origin: c.nodes[l.Node.ID].origin, Opened: []*proto.Opening{o}}, &answer)
	if a := answer.Opened[0]; a.Code != 0 || len(a.Proof) != token.ProofSize {
		c.t.Fatalf("opened with %v", a)
	}
	o.Session.Proof = answer.Opened[0].Proof
	return o.Session, l.Node.ID
}

// ended returns the session with a proof that has ended, as if time had passed.
func (c *certified) ended(s *proto.Session, node string) *proto.Session {
	old := pb.CloneOf(s)
	old.Proof = c.issuer.ProofUntil(time.Now().Add(-time.Second), s.User, s.Name, s.Device, s.Number, node)
	return old
}

// renewed returns the proof that a node gets for a session by reconciliation; nil: none.
func (c *certified) renewed(s *proto.Session, node string) []byte {
	c.t.Helper()
	var answer proto.ReconcileAnswer
	c.asNode(node, proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: c.nodes[node].origin, Held: []*proto.Held{
		{User: s.User, Name: s.Name, Device: s.Device, Number: s.Number, Proof: s.Proof},
	}}, &answer)
	if len(answer.Proofs) == 0 || len(answer.Proofs[0]) == 0 {
		return nil
	}
	return answer.Proofs[0]
}

func TestProofEndsAndIsRenewedForALiveSession(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	s, node := c.opened()
	if code := c.sendAs(s, node, "1"); code != proto.OK {
		t.Fatalf("a fresh proof: %v", code)
	}
	old := c.ended(s, node)
	if code := c.sendAs(old, node, "2"); code != proto.Unavailable {
		t.Errorf("an ended proof: %v", code)
	}
	endless := pb.CloneOf(s)
	endless.Proof = c.issuer.Proof(s.User, s.Name, s.Device, s.Number, node)
	if code := c.sendAs(endless, node, "3"); code != proto.Unavailable {
		t.Errorf("a proof without an end: %v", code)
	}
	proof := c.renewed(old, node)
	if len(proof) != token.ProofSize {
		t.Fatal("the proof of a live session was not renewed")
	}
	old.Proof = proof
	if code := c.sendAs(old, node, "2"); code != proto.OK {
		t.Errorf("the new proof: %v", code)
	}
	renamed := pb.CloneOf(s)
	renamed.Name = "bob"
	if c.renewed(renamed, node) != nil {
		t.Error("the proof was renewed under another name")
	}
}

// A node that keeps the proof of a session cannot act for its user after that has logged
// out, when two minutes are over.
func TestProofOfAnEndedSessionIsNotRenewed(t *testing.T) {
	t.Parallel()
	c := newCertified(t, false)
	s, node := c.opened()
	login := c.login(proto.LoginRequest{Name: "alice", Device: "phone"}) // not used: it only proves who logs out
	if code := c.post(proto.PathLogout, login.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatalf("logout: %v", code)
	}
	if c.renewed(s, node) != nil {
		t.Error("the proof was renewed after the logout")
	}
	old := c.ended(s, node)
	if code := c.sendAs(old, node, "1"); code != proto.Unavailable {
		t.Errorf("a send with it: %v", code)
	}
	var answer proto.PullAnswer
	c.asNode(node, proto.PathNodePull, &proto.PullRequest{Origin: c.nodes[node].origin, Session: old, After: &proto.Mark{}}, &answer)
	if proto.Code(answer.Code) != proto.Unavailable {
		t.Errorf("a pull with it: %v", proto.Code(answer.Code))
	}
}
