package main

import (
	"bytes"
	"encoding/json"
	"errors"
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
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
)

// Each of these tests steals one part of a system and uses it from outside. The thief can
// do what SECURITY.md says, and nothing more. The cluster key alone is in cluster_test.go, and
// the store in theftstore_test.go.

// stolen returns the keyring of a process whose file was stolen.
func stolen(t *testing.T, cluster *up.Cluster, id string) *cert.Keyring {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Dir(), id+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := cert.ParseIdentity(text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cert.NewKeyring(identity, time.Now)
}

// origins returns the nodes of a cluster as they name themselves, by id.
func origins(t *testing.T, cluster *up.Cluster) map[string]*proto.Origin {
	t.Helper()
	var members []ring.Member
	wait.Until(t, "the route knows all nodes", func() bool {
		return json.Unmarshal([]byte(membersOf(t, cluster)), &members) == nil && len(members) == len(cluster.Nodes())
	})
	all := make(map[string]*proto.Origin)
	for _, m := range members {
		all[m.ID] = &proto.Origin{Node: m.ID, Boot: m.Boot, Address: m.HTTP}
	}
	return all
}

// callNode calls a node's internal HTTP with the proof of a stolen process, and returns
// the status.
func callNode(t *testing.T, thief *cert.Keyring, at *proto.Origin, method, path string, body gproto.Message) int {
	t.Helper()
	var b []byte
	if body != nil {
		var err error
		if b, err = gproto.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+at.Address+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	thief.Prove(r.Header, at.Address, at.Address, method, path, b)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// codeOf returns the code with which a route refused a call.
func codeOf(err error) proto.Code {
	if refused, ok := errors.AsType[*proto.Error](err); ok {
		return refused.Code
	}
	return proto.Unknown
}

// comeTo logs a user in until a node is chosen, and enters there.
func comeTo(t *testing.T, route, name, node string) (proto.LoginAnswer, *peer) {
	t.Helper()
	var avoid []string
	for range 8 {
		l := login(t, route, proto.LoginRequest{Name: name, Device: "phone", Avoid: avoid})
		if l.Node.ID == node {
			return l, enter(t, l)
		}
		avoid = append(avoid, l.Node.ID)
	}
	t.Fatalf("%s never lands on %s", name, node)
	return proto.LoginAnswer{}, nil
}

// sessionOf returns the session that a ticket opens, as its node reads it.
func sessionOf(t *testing.T, route string, thief *cert.Keyring, l proto.LoginAnswer) *proto.Session {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, route+proto.PathNodeKeys, nil)
	if err != nil {
		t.Fatal(err)
	}
	thief.Prove(r.Header, route, "", http.MethodGet, proto.PathNodeKeys, nil)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var keys proto.KeysAnswer
	if err := json.NewDecoder(answer.Body).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	v := token.NewVerifier()
	if err := v.Learn(keys.Tickets, time.Now()); err != nil {
		t.Fatal(err)
	}
	ticket, err := v.Ticket(l.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	return &proto.Session{User: ticket.User, Name: ticket.Name, Device: ticket.Device, Number: ticket.Number, Proof: ticket.Proof}
}

func TestStolenNodeIsThatNodeForItsLiveSessionsOnly(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2, Keys: true})
	route, thief, nodes := cluster.RouteURLs()[0], stolen(t, cluster, "node-1"), origins(t, cluster)
	calls, err := routes.NewClient(routes.Config{URLs: []string{route}, Keys: thief, PlainHop: true})
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	alice, atNode1 := comeTo(t, route, "alice", "node-1")
	bob, atNode2 := comeTo(t, route, "bob", "node-2")
	mine, others := sessionOf(t, route, thief, alice), sessionOf(t, route, thief, bob)

	send := func(origin string, s *proto.Session, to int64, text string) proto.Code {
		answer, err := calls.Send(t.Context(), &proto.SendRequest{
			Origin: nodes[origin], Items: []*proto.SendItem{{Session: s, Id: strings.Map(letters, text), To: to, Text: text}},
		})
		if err != nil {
			return codeOf(err)
		}
		return proto.Code(answer.Items[0].Code)
	}
	// It acts for the sessions that it holds: it writes as alice, and reads her messages.
	if code := send("node-1", mine, bob.User, "as alice"); code != proto.OK {
		t.Errorf("as a user that it holds: %v", code)
	}
	if got := atNode2.message(); got != "as alice" {
		t.Errorf("bob was shown %q", got)
	}
	if _, err := calls.Pull(t.Context(), &proto.PullRequest{Origin: nodes["node-1"], Session: mine, After: &proto.Mark{}, Limit: 10}); err != nil {
		t.Errorf("it cannot read for a user that it holds: %v", err)
	}
	// It acts for nobody else.
	forged := &proto.Session{User: bob.User, Name: "bob", Device: "phone", Number: bob.Number, Proof: mine.Proof}
	for what, s := range map[string]*proto.Session{"another node's session": others, "a made-up session": forged} {
		if code := send("node-1", s, alice.User, "as bob"); code == proto.OK {
			t.Errorf("it acts for %s", what)
		}
		if a, err := calls.Pull(t.Context(), &proto.PullRequest{Origin: nodes["node-1"], Session: s, After: &proto.Mark{}, Limit: 10}); err == nil && a.Code == 0 {
			t.Errorf("it reads for %s", what)
		}
	}
	// It is no other node.
	if code := send("node-2", others, alice.User, "as node-2"); code != proto.Unauthorized {
		t.Errorf("as another node: %v", code)
	}
	// It pushes nothing to other nodes, lists nobody there, and drains nobody.
	push := &proto.PushRequest{Boot: nodes["node-2"].Boot, Items: []*proto.PushItem{{
		User: bob.User, Numbers: []int64{bob.Number}, Stored: &proto.Stored{At: &proto.Mark{Number: 2}, Key: "1:aa"},
	}}}
	for path, status := range map[string]int{
		proto.PathPush:       callNode(t, thief, nodes["node-2"], http.MethodPost, proto.PathPush, push),
		proto.PathNodeOnline: callNode(t, thief, nodes["node-2"], http.MethodGet, proto.PathNodeOnline, nil),
		proto.PathDrain:      callNode(t, thief, nodes["node-2"], http.MethodPost, proto.PathDrain, nil),
	} {
		if status != http.StatusUnauthorized {
			t.Errorf("%s of another node answers %d", path, status)
		}
	}
	// It joins under no other id, and with no larger weight.
	for _, flags := range [][]string{{"-id", "node-9"}, {"-id", "node-1", "-weight", "17"}} {
		pem := filepath.Join(cluster.Dir(), "node-1.pem")
		out, err := exec.CommandContext(t.Context(), "cim", append([]string{"server", "-identity", pem, "-cluster-key", cluster.ClusterKey()}, flags...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "-identity") {
			t.Errorf("%v starts: %v %s", flags, err, out)
		}
	}
	// Nobody saw anything made up, and both are still connected.
	writeTo(t, route, alice.Token, bob.User, "still there?")
	if got := atNode2.message(); got != "still there?" {
		t.Errorf("bob was shown %q", got)
	}
	_ = atNode1.conn.Close()
}

// letters leaves only what the id of a message may have.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

// writeTo sends a text with a token.
func writeTo(t *testing.T, route, token string, to int64, text string) {
	t.Helper()
	if code := post(t, route+proto.PathSend, token, proto.SendMessage{To: to, Text: text, ID: strings.Map(letters, text)}, nil); code != proto.OK {
		t.Fatalf("send %q: %v", text, code)
	}
}

func TestStolenRoutePushesAndListsButIsNoNodeAndNoUser(t *testing.T) {
	t.Parallel()
	key := newKeyFile(t, oldKey)
	cluster := startCluster(t, up.Config{Nodes: 2, Keys: true, RouteFlags: []string{"-route-key", key.flag()}})
	route, thief, nodes := cluster.RouteURLs()[0], stolen(t, cluster, "route"), origins(t, cluster)
	bob, at := comeTo(t, route, "bob", "node-2")
	push := &proto.PushRequest{Boot: nodes["node-2"].Boot, Items: []*proto.PushItem{{User: bob.User, Numbers: []int64{bob.Number}, Notice: "made up"}}}
	if status := callNode(t, thief, nodes["node-2"], http.MethodPost, proto.PathPush, push); status != http.StatusOK {
		t.Errorf("a push answers %d", status)
	}
	if status := callNode(t, thief, nodes["node-2"], http.MethodGet, proto.PathNodeOnline, nil); status != http.StatusOK {
		t.Errorf("the list of users answers %d", status)
	}
	if status := callNode(t, thief, nodes["node-2"], http.MethodPost, proto.PathDrain, nil); status != http.StatusUnauthorized {
		t.Errorf("a drain answers %d", status)
	}
	calls, err := routes.NewClient(routes.Config{URLs: []string{route}, Keys: thief, PlainHop: true})
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	if _, err := calls.Reconcile(t.Context(), &proto.ReconcileRequest{Origin: nodes["node-2"]}); codeOf(err) != proto.Unauthorized {
		t.Errorf("a call as a node: %v", err)
	}
	// The file and the cluster key make no token. The route key does.
	clusterKey, err := os.ReadFile(strings.TrimPrefix(cluster.ClusterKey(), "file:"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(cluster.Dir(), "route.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range candidates([]string{string(clusterKey), string(file)}) {
		if code := forge(t, route, secret, bob); code == proto.OK {
			t.Fatalf("a token that was made with %q is good", secret)
		}
	}
	if code := forge(t, route, []byte(oldKey), bob); code != proto.OK {
		t.Errorf("a token that was made with the route key: %v", code)
	}
	_ = at.conn.Close()
}

func TestStolenTokenIsOneDevice(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 1, Auth: "password"})
	route := cluster.RouteURLs()[0]
	const password = "the password of alice"
	enroll := func(device string) (l proto.LoginAnswer) {
		t.Helper()
		if code := post(t, route+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: password, Device: device}, &l); code != proto.OK {
			t.Fatal(code)
		}
		return l
	}
	if code := post(t, route+proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: password}, nil); code != proto.OK {
		t.Fatal(code)
	}
	phone, desk := enroll("phone"), enroll("desk")
	enter(t, desk) // the store forgets what it knows of a device that never connected
	with := func(token, device string) proto.Code {
		return post(t, route+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: device}, nil)
	}
	// The thief acts on that device, and on no other, and does not become the owner.
	if code := with(phone.Token, "phone"); code != proto.OK {
		t.Errorf("on its device: %v", code)
	}
	writeTo(t, route, phone.Token, phone.User, "by the thief")
	if code := with(phone.Token, "desk"); code != proto.Unauthorized {
		t.Errorf("on another device: %v", code)
	}
	if code := post(t, route+proto.PathPassword, phone.Token, proto.ChangePassword{Old: "a guess", New: "mine"}, nil); code == proto.OK {
		t.Error("the password was changed")
	}
	// A refresh token that comes again after its successor was used ends the session.
	refresh := func(token string, want proto.Code) (next proto.RefreshAnswer) {
		t.Helper()
		if code := post(t, route+proto.PathRefresh, "", proto.RefreshRequest{Refresh: token}, &next); code != want {
			t.Errorf("a refresh is answered %v, want %v", code, want)
		}
		return next
	}
	thief := refresh(refresh(refresh(phone.Refresh, proto.OK).Refresh, proto.OK).Refresh, proto.OK)
	refresh(phone.Refresh, proto.SessionEnded) // the owner's only one
	refresh(thief.Refresh, proto.Unauthorized)
	// The owner ends it from any device.
	phone = enroll("phone")
	if code := post(t, route+proto.PathLogout, desk.Token, proto.LogoutRequest{Device: "phone"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	for what, code := range map[string]proto.Code{
		"the token":         with(phone.Token, "phone"),
		"the access token":  with(phone.Access, "phone"),
		"the refresh token": post(t, route+proto.PathRefresh, "", proto.RefreshRequest{Refresh: phone.Refresh}, nil),
		"the ticket":        use(t, phone).kicked(),
	} {
		if code == proto.OK {
			t.Errorf("%s is good after the logout", what)
		}
	}
	if code := with(desk.Token, "desk"); code != proto.OK {
		t.Errorf("the other device: %v", code)
	}
}
