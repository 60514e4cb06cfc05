package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// secureCluster starts a cluster that speaks TLS only, with what its clients trust.
func secureCluster(t *testing.T, c up.Config) (*up.Cluster, client.Config) {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	c.CA = ca
	cluster := startCluster(t, c)
	return cluster, client.Config{Routes: cluster.RouteURLs(), RootCAs: roots}
}

// talk has alice and bob connect and write to each other and to everyone, which takes
// every hop: clients, nodes and routes, both ways.
func talk(t *testing.T, base client.Config, transport client.Transport) {
	t.Helper()
	connect := func(name string) *client.Client {
		config := base
		config.Name, config.Device, config.Transport = name, "secure", transport
		if _, err := client.Register(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		c, err := client.Connect(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	alice, bob := connect("alice"), connect("bob")
	for _, m := range []client.Outgoing{
		{To: bob.Self().User, Text: "for bob"}, {Group: proto.Everyone, Text: "for everyone"},
	} {
		if _, err := alice.SendMessage(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		got, err := bob.Receive(t.Context())
		if err != nil || got.Text != m.Text {
			t.Errorf("bob was shown %q, %v, want %q", got.Text, err, m.Text)
		}
	}
}

// Everything is TLS, and nothing is served without it: see up.Config.CA.
func TestAllHopsSpeakTLS(t *testing.T) {
	t.Parallel()
	cluster, base := secureCluster(t, up.Config{Nodes: 2, Routes: 1, Redis: "spawn"})
	for name, transport := range map[string]client.Transport{"tcp": client.TCP, "websocket": client.WebSocket} {
		t.Run(name, func(t *testing.T) { talk(t, base, transport) })
	}
	answer, err := cluster.Routes()[0].HTTP().Get(cluster.RouteURLs()[0] + proto.PathMetrics)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	figures, err := io.ReadAll(answer.Body)
	if sent := "cim_route_requests_total{code=\"ok\",use_case=\"node-send\"} "; err != nil || !strings.Contains(string(figures), sent) || strings.Contains(string(figures), sent+"0\n") {
		t.Errorf("no message came through a node: %v", err)
	}
	for _, plain := range []string{cluster.RouteURLs()[0] + proto.PathMembers, "https://" + cluster.Nodes()[0].HTTP + proto.PathRing} {
		answer, err := http.Get(strings.Replace(plain, "https://", "http://", 1))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s without TLS: %s", plain, answer.Status)
		}
	}
	conn, err := net.Dial("tcp", cluster.Nodes()[0].Client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: "none"})
	if err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := proto.ReadFrame(&oneByte{conn}, 1<<16)
	if err != nil || proto.Code(f.Code) != proto.NeedsTLS {
		t.Errorf("a plain login: %v, %v", f, err)
	}
	base.Name, base.RootCAs = "carol", nil
	if _, err := client.Register(t.Context(), base); !errors.Is(err, client.ErrNoRoute) {
		t.Errorf("a client that does not know the authority: %v", err)
	}
}

// oneByte reads frames of a connection.
type oneByte struct{ net.Conn }

func (o *oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := o.Read(b[:])
	return b[0], err
}

// A proxy ends TLS in front of the nodes and knows them by the path. The nodes are told
// their addresses there, and clients use them, however they would connect otherwise.
func TestNodesBehindAProxyThatEndsTLS(t *testing.T) {
	t.Parallel()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("proxy", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tlsfile.Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", pair.Server())
	if err != nil {
		t.Fatal(err)
	}
	at := "wss://" + listener.Addr().String() + "/nodes/one"
	cluster := startCluster(t, up.Config{Nodes: 1, ServerFlags: []string{"-advertise-client", at}})
	proxy := &http.Server{Handler: toNode(t, "/nodes/one", cluster.Nodes()[0].Client)}
	go func() { _ = proxy.Serve(listener) }()
	t.Cleanup(func() { _ = proxy.Close() })
	answer := login(t, cluster.RouteURLs()[0], proto.LoginRequest{Name: "carol", Device: "phone"})
	if want := (proto.Node{ID: "node-1", Address: listener.Addr().String(), TLS: true, Path: "/nodes/one"}); answer.Node != want {
		t.Errorf("a login is answered %+v, want %+v", answer.Node, want)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, client.Config{Routes: cluster.RouteURLs(), RootCAs: roots}, client.TCP)
}

// toNode passes a path of WebSockets on to the usual one of a node.
func toNode(t *testing.T, path, node string) http.Handler {
	t.Helper()
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: node})
		r.Out.URL.Path = proto.PathSocket
	}}
	mux := http.NewServeMux()
	mux.Handle(path, pass)
	return mux
}
