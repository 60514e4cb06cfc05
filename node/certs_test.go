package node

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/token"
)

// keys returns what makes keyrings of one operator.
func keys(t *testing.T) func(role cert.Role, id string) *cert.Keyring {
	t.Helper()
	operator, err := cert.NewOperator()
	if err != nil {
		t.Fatal(err)
	}
	return func(role cert.Role, id string) *cert.Keyring {
		of := cert.Certificate{Role: role, ID: id, NotAfter: time.Now().Add(time.Hour)}
		if role == cert.Node {
			of.Weight = 1
		}
		i, err := cert.NewIdentity(of, operator)
		if err != nil {
			t.Fatal(err)
		}
		return cert.NewKeyring(i, time.Now)
	}
}

// Each row is a caller. The attackers have the cluster key, a node, or a proof that a
// route made for another node.
func TestPushesAreTakenFromRoutesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keyOf := keys(t)
		const self = "10.0.0.1:8081"
		count := 0
		gate := &cert.Gate{Keys: keyOf(cert.Node, nodeID), Self: self, OnToken: func() { count++ }}
		h := start(t, func(c *Config) { c.Gate = gate }).Handler()
		route, node, operator := keyOf(cert.Route, "route-1"), keyOf(cert.Node, "node-2"), keyOf(cert.Operator, "alice")
		type call struct{ method, path string }
		push, opening := call{http.MethodPost, proto.PathPush}, call{http.MethodGet, proto.PathPushStream}
		online, drains, status := call{http.MethodGet, proto.PathNodeOnline}, call{http.MethodPost, proto.PathDrain}, call{http.MethodGet, proto.PathDrain}
		body, err := gproto.Marshal(&proto.PushRequest{Boot: 77})
		if err != nil {
			t.Fatal(err)
		}
		prove := func(k *cert.Keyring, callee string) func(*http.Request, []byte) {
			return func(r *http.Request, body []byte) { k.Prove(r.Header, "", callee, r.Method, r.URL.RequestURI(), body) }
		}
		token := func(r *http.Request, _ []byte) { r.Header.Set("Authorization", "Bearer secret") }
		const ok, no, upgrade = http.StatusOK, http.StatusUnauthorized, http.StatusUpgradeRequired
		for name, row := range map[string]struct {
			call  call
			prove func(*http.Request, []byte)
			want  int
		}{
			"a route pushes":                          {push, prove(route, self), ok},
			"the cluster key pushes":                  {push, token, no},
			"nobody pushes":                           {push, func(*http.Request, []byte) {}, no},
			"a node pushes":                           {push, prove(node, self), no},
			"an operator pushes":                      {push, prove(operator, self), no},
			"a route's proof for another node pushes": {push, prove(route, "10.0.0.2:8081"), no},
			"a route's proof of another push":         {push, func(r *http.Request, _ []byte) { prove(route, self)(r, []byte("another")) }, no},
			"a route opens a stream":                  {opening, prove(route, self), upgrade},
			"the cluster key opens a stream":          {opening, token, no},
			"a node opens a stream":                   {opening, prove(node, self), no},
			"a route lists users":                     {online, prove(route, self), ok},
			"the cluster key lists users":             {online, token, no},
			"a node lists users":                      {online, prove(node, self), no},
			"the cluster key drains":                  {drains, token, no},
			"a node drains":                           {drains, prove(node, self), no},
			"a route drains":                          {drains, prove(route, self), no},
			"an operator asks for the drain":          {status, prove(operator, self), ok},
		} {
			sent := body
			if row.call != push {
				sent = nil
			}
			r := httptest.NewRequest(row.call.method, row.call.path, bytes.NewReader(sent))
			row.prove(r, sent)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, row.want)
			}
		}
		if count != 0 {
			t.Errorf("%d requests were taken for their token", count)
		}
		gate.AcceptToken = true
		r := httptest.NewRequest(http.MethodPost, proto.PathPush, bytes.NewReader(body))
		token(r, body)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != ok || count != 1 {
			t.Errorf("with the cluster key accepted: %d, counted %d", w.Code, count)
		}
	})
}

// Where there are certificates, a node shows its proofs to a route, and sends with the
// proof that the route has returned last.
func TestNodeShowsTheProofThatWasRenewedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(c *Config) { c.Gate = &cert.Gate{Keys: keys(t)(cert.Node, nodeID), Self: "10.0.0.1:8081"} })
		renewed := bytes.Repeat([]byte{7}, token.ProofSize)
		var shown []*proto.Held
		w.route.set(func(s *script) {
			s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				shown = append(shown, r.Held...)
				return &proto.ReconcileAnswer{Proofs: slices.Repeat([][]byte{renewed}, len(r.Held))}, nil
			}
		})
		p := w.login(t, 1, 5)
		send := func(id string) []byte {
			t.Helper()
			p.write(t, &proto.Frame{Cmd: proto.Command_SEND, Id: id, To: 2, ReqMsg: "hi"})
			p.next(t)
			return w.route.sends[len(w.route.sends)-1].Items[0].Session.Proof
		}
		first := send("1")
		time.Sleep(31 * time.Second) // a cycle of reconciliation
		synctest.Wait()
		if len(shown) == 0 || !bytes.Equal(shown[0].Proof, first) || shown[0].Name == "" {
			t.Errorf("the node shows %v, and sent with %x", shown, first)
		}
		if second := send("2"); bytes.Equal(first, renewed) || !bytes.Equal(second, renewed) {
			t.Errorf("it sends with %x, and then with %x", first, second)
		}
	})
}
