package up

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto/tlsfile/localca"
)

func TestDefaultsAreThreeNodesAndOneRoute(t *testing.T) {
	c, err := Config{}.withDefaults()
	if err != nil || c.Nodes != 3 || c.Routes != 1 || c.Redis != "embedded" || c.Auth != "open" || c.Route != RouteServer || len(c.Program) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	c, err = Config{WithRoute: true, Routes: 4, Route: RouteLambda}.withDefaults()
	if err != nil || c.Routes != 0 || c.Route != RouteServer {
		t.Fatalf("with -with-route: %+v, %v", c, err)
	}
}

// value returns the value of a flag in a command line, and whether the flag is there.
func value(command []string, flag string) (string, bool) {
	i := slices.Index(command, flag)
	if i < 0 {
		return "", false
	}
	if i+1 == len(command) {
		return "", true
	}
	return command[i+1], true
}

func TestNodeIsStartedWithWhatTheClusterHas(t *testing.T) {
	node := &Node{Process: &Process{}, ID: "node-1", Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Gossip: "127.0.0.1:3"}
	plain := &Cluster{config: Config{Program: []string{"cim"}, Auth: "open"}, frontAt: []string{"127.0.0.1:8083"}}
	full := &Cluster{
		config:  Config{Program: []string{"cim"}, Auth: "password", Route: RouteLambda, Redis: "embedded", ServerFlags: []string{"-weight", "2"}},
		frontAt: []string{"127.0.0.1:8083", "127.0.0.1:8084"}, zk: "127.0.0.1:2181", key: "0123456789abcdef",
		dir: "/dir", store: "redis://:secret@127.0.0.1:4", password: "secret",
	}
	for name, c := range map[string]struct {
		command []string
		want    map[string]string
		without []string
	}{
		"plain": {
			plain.nodeCommand(node, nil, nil),
			map[string]string{"-id": "node-1", "-listen": "127.0.0.1:1", "-http": "127.0.0.1:2", "-gossip": "127.0.0.1:3", "-route-url": "http://127.0.0.1:8083"},
			[]string{"-join", "-zk", "-cluster-key", "-plain-hop", "-with-route"},
		},
		"full": {
			full.nodeCommand(node, []string{"a:1", "b:2"}, []string{"-capacity", "9"}),
			map[string]string{"-join": "a:1,b:2", "-zk": "127.0.0.1:2181", "-cluster-key": "0123456789abcdef", "-weight": "2", "-capacity": "9", "-plain-hop": "-weight"},
			[]string{"-with-route", "-redis"},
		},
	} {
		if !slices.Equal(c.command[:2], []string{"cim", "server"}) {
			t.Errorf("%s: %q", name, c.command)
		}
		for flag, want := range c.want {
			if got, _ := value(c.command, flag); got != want {
				t.Errorf("%s: %s %q, want %q", name, flag, got, want)
			}
		}
		for _, flag := range c.without {
			if _, there := value(c.command, flag); there {
				t.Errorf("%s: there is %s in %s", name, flag, strings.Join(c.command, " "))
			}
		}
	}
	node.Route = "127.0.0.1:8083"
	command := full.nodeCommand(node, nil, nil)
	if at, _ := value(command, "-route-listen"); at != node.Route {
		t.Errorf("-route-listen %q", at)
	}
	store, _ := value(command, "-redis")
	password, _ := value(command, "-redis-password")
	if store != "redis://127.0.0.1:4" || password != "file:"+filepath.Join("/dir", "redis.password") {
		t.Errorf("-redis %s -redis-password %s", store, password)
	}
	if _, there := value(command, "-allow-embedded"); !there {
		t.Errorf("%q does not allow the embedded store", command)
	}
}

// Each hop speaks TLS by itself.
func TestHopsSpeakTLSOneByOne(t *testing.T) {
	node := &Node{Process: &Process{}, ID: "node-1", HTTP: "127.0.0.1:2"}
	for name, c := range map[string]struct {
		plain                     Hops
		clients, internal         bool // whether a node speaks TLS to them
		route, only, urls, called bool // whether a route does, nothing is plain, clients and nodes call by https
	}{
		"none":    {plain: AllHops},
		"clients": {plain: HopRoute | HopRedis, clients: true, route: true, urls: true},
		"route":   {plain: HopClients | HopRedis, internal: true, route: true, called: true},
		"redis":   {plain: HopClients | HopRoute},
		"all":     {clients: true, internal: true, route: true, only: true, urls: true, called: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &Cluster{
				config:  Config{Program: []string{"cim"}, Auth: "open", CA: new(localca.CA), Plain: c.plain},
				frontAt: []string{"127.0.0.1:8083"}, tls: tlsFiles{ca: "ca.pem", cert: "cert.pem", key: "key.pem"},
			}
			has := func(command []string, flag string, want bool) {
				if _, there := value(command, flag); there != want {
					t.Errorf("%s in %q: %v, want %v", flag, command, there, want)
				}
			}
			of := cluster.nodeCommand(node, nil, nil)
			has(of, "-tls-cert", c.clients)
			has(of, "-internal-tls-cert", c.internal)
			has(of, "-route-tls-ca", c.internal)
			has(of, "-tls-only", c.only)
			of = cluster.routeCommand("127.0.0.1:8083")
			has(of, "-tls-cert", c.route)
			has(of, "-node-tls-ca", c.internal)
			has(of, "-tls-only", c.only)
			calls, _ := value(cluster.nodeCommand(node, nil, nil), "-route-url")
			urls := cluster.RouteURLs()[0]
			if strings.HasPrefix(calls, "https:") != c.called || strings.HasPrefix(urls, "https:") != c.urls {
				t.Errorf("nodes call %s, clients %s", calls, urls)
			}
		})
	}
}
