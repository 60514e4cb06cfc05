package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/gossip"
)

func TestClusterCommandMakesKeysOfProcesses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	run := func(words ...string) error {
		return runCluster(t.Context(), append(words, "-dir", dir), io.Discard)
	}
	if err := run("add-node", "node-1"); err == nil || !strings.Contains(err.Error(), "cim cluster init") {
		t.Fatalf("a node without an operator: %v", err)
	}
	if err := run("init"); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]cert.Role{"node-1": cert.Node, "route-1": cert.Route, "alice": cert.Operator} {
		if err := run("add-"+role.String(), name); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		id, err := cert.ParseIdentity(text, time.Now())
		if err != nil || id.Role != role || id.ID != name || time.Until(id.NotAfter) < 364*24*time.Hour {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Fatalf("there are %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	for _, words := range [][]string{
		{"init"}, {"add-node", "node-1"}, {"add-node", "a,b"}, {"add-node", "node-2", "-max-weight", "0"}, {"add-route", "r", "-days", "0"}, {"add-route"}, {"drop"},
	} {
		if err := run(words...); err == nil {
			t.Errorf("cim cluster %s was done", strings.Join(words, " "))
		}
	}
}

// The attacker has the cluster key and the network, and nothing else.
func TestClusterKeyAloneJoinsGossipAndGetsNothing(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2, Keys: true})
	node, route := cluster.Nodes()[0], cluster.RouteURLs()[0]
	text, err := os.ReadFile(strings.TrimPrefix(cluster.ClusterKey(), "file:"))
	if err != nil {
		t.Fatal(err)
	}
	keys := ring.NewKeys(bytes.TrimSpace(text))
	self := ring.Member{ID: "node-0", Boot: 1, Client: "127.0.0.1:9", HTTP: node.HTTP, Weight: ring.MaxWeight, State: ring.Serving}
	table := ring.NewTable()
	intruder, err := gossip.New(gossip.Config{Self: self, Keys: keys, Table: table, Bind: "127.0.0.1:0", Seeds: []string{node.Gossip}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- intruder.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	eventually(t, "the intruder is a member of gossip", func() bool { return len(table.Current().Members()) == 3 })

	for i := range 16 {
		answer := login(t, route, proto.LoginRequest{Name: fmt.Sprintf("user-%d", i), Device: "phone"})
		if answer.Node.ID == "node-0" {
			t.Fatalf("user %d was given to the intruder", i)
		}
	}
	token, _ := keys.ServiceTokens()
	origin := &proto.Origin{Node: node.ID, Boot: 1, Address: node.HTTP}
	for to, body := range map[string]gproto.Message{
		"http://" + node.HTTP + proto.PathPush: &proto.PushRequest{Boot: 1},
		route + proto.PathNodeReconcile:        &proto.ReconcileRequest{Origin: origin, Groups: true},
		route + proto.PathNodeReport:           &proto.ReportRequest{Origin: origin},
	} {
		b, err := gproto.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", proto.ContentProtobuf)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s is answered %s", to, answer.Status)
		}
	}
	drain := func(flags ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "cim", append([]string{"drain", cluster.Nodes()[1].ID, "-route", route}, flags...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := drain("-cluster-key", cluster.ClusterKey()); err == nil {
		t.Errorf("the cluster key drains a node:\n%s", out)
	}
	if out, err := drain("-identity", cluster.OperatorIdentity()); err != nil {
		t.Errorf("an operator drains no node: %v\n%s", err, out)
	}
}

// Processes with and without a certificate serve one cluster while -accept-cluster-key is
// set: those without are the version before, as far as others can see.
func TestClusterKeyIsAcceptedWhileProcessesAreReplaced(t *testing.T) {
	t.Parallel()
	accept := []string{"-accept-cluster-key"}
	cluster := startCluster(t, up.Config{Nodes: 2, Keys: true, Redis: "spawn", ServerFlags: accept, RouteFlags: accept})
	key, node := cluster.ClusterKey(), cluster.Nodes()[0]
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	old := ports.ForTest(t)
	runRoute(t, program, append([]string{"route", "-auth", "open", "-listen", old, "-cluster-key", key, "-ring", "seed:" + node.HTTP}, cluster.StoreFlags()...))
	runRoute(t, program, []string{
		"server", "-auth", "open", "-id", "old", "-listen", ports.ForTest(t), "-http", ports.ForTest(t), "-gossip", ports.ForTest(t), "-cluster-key", key,
		"-join", node.Gossip, "-route-url", cluster.RouteURLs()[0],
	})
	for _, route := range []string{"http://" + old, cluster.RouteURLs()[0]} {
		eventually(t, "the route knows all three nodes", func() bool {
			answer, err := http.Get(route + proto.PathMembers)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			var members []ring.Member
			return json.NewDecoder(answer.Body).Decode(&members) == nil && ring.NewView(members).Ring().Len() == 3
		})
		crowd := newCrowd(t, []string{route}, 12, "chat-"+route[len(route)-4:])
		nodes := make(map[string]bool)
		for i := range 12 {
			nodes[login(t, route, proto.LoginRequest{Name: fmt.Sprintf("probe-%s-%d", route[len(route)-4:], i), Device: "phone"}).Node.ID] = true
		}
		if !nodes["old"] || len(nodes) < 2 {
			t.Errorf("users of %s are on %v", route, nodes)
		}
		crowd.round()
		crowd.round()
		eventually(t, "everybody is shown everything", crowd.caughtUp)
	}
}
