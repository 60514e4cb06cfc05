//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/node/cim-server/nodeserver"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/ring/mirror/zktest"
)

// javaRoute keeps records as CIM's own route does. It knows servers by their names in
// ZooKeeper, and sends each user to one of them. It keeps two records of that, which
// only /offLine deletes.
type javaRoute struct {
	*httptest.Server
	servers func() []string

	mu       sync.Mutex
	turn     int
	accounts map[int64]string
	loggedIn map[int64]bool   // CIM's login-status
	routes   map[int64]string // CIM's cim-route:<id>
}

type javaRequest struct {
	UserID   int64  `json:"userId"`
	Receiver int64  `json:"receiveUserId"`
	UserName string `json:"userName"`
	Msg      string `json:"msg"`
}

func startJavaRoute(t *testing.T, zk *zktest.Server) *javaRoute {
	t.Helper()
	j := &javaRoute{
		accounts: make(map[int64]string), loggedIn: make(map[int64]bool), routes: make(map[int64]string),
		servers: func() []string {
			names, err := zk.Owners(t.Context(), mirror.DefaultRoot)
			if err != nil {
				t.Error(err)
			}
			return slices.Sorted(maps.Keys(names))
		},
	}
	mux := http.NewServeMux()
	for path, serve := range map[string]func(javaRequest) (string, any){
		"/login": j.login, "/offLine": j.offline, "/p2pRoute": j.p2p,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var q javaRequest
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			code, data := serve(q)
			if code == "" { // an exception in Java
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": "", "reqNo": nil, "dataBody": data})
		})
	}
	j.Server = httptest.NewServer(mux)
	t.Cleanup(j.Close)
	return j
}

func (j *javaRoute) login(q javaRequest) (string, any) {
	servers := j.servers()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.accounts[q.UserID] != q.UserName {
		return "9100", nil
	}
	if j.loggedIn[q.UserID] {
		return "5000", nil
	}
	j.loggedIn[q.UserID] = true
	for range servers { // a server that is no more is passed over
		j.turn++
		name := servers[j.turn%len(servers)]
		ip, client, internal := parseServer(name)
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip, client), time.Second)
		if err != nil {
			continue
		}
		conn.Close()
		j.routes[q.UserID] = name
		return "9000", map[string]any{"ip": ip, "cimServerPort": json.Number(client), "httpPort": json.Number(internal)}
	}
	return "7100", nil
}

func parseServer(name string) (ip, client, internal string) {
	parts := strings.Split(name, ":")
	return parts[0], parts[1], parts[2]
}

func (j *javaRoute) offline(q javaRequest) (string, any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.accounts[q.UserID] != "" {
		delete(j.loggedIn, q.UserID)
		delete(j.routes, q.UserID)
	}
	return "9000", nil
}

func (j *javaRoute) p2p(q javaRequest) (string, any) {
	name, from := j.record(q.Receiver)
	if name == "" {
		return "7000", nil
	}
	ip, _, internal := parseServer(name)
	body, err := json.Marshal(map[string]any{
		"userId": q.Receiver, "msg": q.Msg, "batchMsg": nil, "cmd": "MESSAGE", "properties": map[string]string{
			"sendUserId": fmt.Sprint(q.UserID), "sendUserName": from, "receiveUserId": fmt.Sprint(q.Receiver),
		},
	})
	if err != nil {
		return "", nil
	}
	answer, err := http.Post("http://"+net.JoinHostPort(ip, internal)+"/sendMsg", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", nil
	}
	answer.Body.Close()
	return "9000", nil
}

// record returns the server that the route has for a user, and the user's name.
func (j *javaRoute) record(user int64) (server, name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.routes[user], cmp.Or(j.accounts[user], "nobody")
}

func (j *javaRoute) online() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.loggedIn) + len(j.routes)
}

// come logs a user in and connects, by the steps of CIM's client.
func (j *javaRoute) come(t *testing.T, user int64) *cimClient {
	t.Helper()
	name := fmt.Sprintf("user-%d", user)
	j.mu.Lock()
	j.accounts[user] = name
	j.mu.Unlock()
	at, code := cimLoginAt(t, j.URL, user, name)
	if code != "9000" {
		t.Fatalf("login of %d: %s", user, code)
	}
	return dialCIM(t, at.client(), user, name)
}

// comeBack is what CIM's client does when its connection is lost.
func (j *javaRoute) comeBack(t *testing.T, user int64) *cimClient {
	t.Helper()
	if code := cimCode(t, j.URL+"/offLine", fmt.Sprintf(`{"userId":%d,"msg":"offLine"}`, user), nil); code != "9000" {
		t.Fatalf("offLine: %s", code)
	}
	return j.come(t, user)
}

// reaches waits until what is sent by the route is shown.
func (j *javaRoute) reaches(t *testing.T, c *cimClient) {
	t.Helper()
	node, _ := j.record(c.user)
	eventually(t, "the connection is open", func() bool {
		code := cimCode(t, j.URL+"/p2pRoute", fmt.Sprintf(`{"userId":1,"receiveUserId":%d,"msg":"hi"}`, c.user), nil)
		if code != "9000" {
			t.Fatalf("user %d is at %q and the route says %s", c.user, node, code)
		}
		b, err := c.bytes(100 * time.Millisecond)
		if err != nil {
			return false
		}
		f, err := readCIM(b)
		return err == nil && f.msg == "hi"
	})
}

// offlineCount returns how often the nodes dealt so with a connection that ended.
func offlineCount(t *testing.T, outcome string, nodes ...*up.Node) (n int) {
	t.Helper()
	for _, node := range nodes {
		_, b := call(t, http.MethodGet, node.URL+"/metrics", "", nil)
		_, rest, ok := strings.Cut(string(b), fmt.Sprintf("cim_node_cim_offline_total{outcome=%q} ", outcome))
		var count int
		if _, err := fmt.Sscan(rest, &count); !ok || err != nil {
			t.Fatalf("%s has no count of %s", node.ID, outcome)
		}
		n += count
	}
	return n
}

// CIM's users know "Repeat login" for ever, and receivers that are online and get
// nothing. So the records of CIM's route must end with the user's connection, and with
// no other.
func TestRouteOfCIMLocksNobodyOut(t *testing.T) {
	t.Parallel()
	zk := startZooKeeper(t)
	java := startJavaRoute(t, zk)
	cluster := startCluster(t, up.Config{Nodes: 2, ZK: zk.Addr(), ServerFlags: []string{"-cim-route-url", java.URL}})
	eventually(t, "ZooKeeper lists two", func() bool { return len(java.servers()) == 2 })

	t.Run("killed client", func(t *testing.T) {
		for user := int64(101); user <= 110; user++ {
			c := java.come(t, user)
			java.reaches(t, c)
			c.conn.Close()
		}
		eventually(t, "the route has no record left", func() bool { return java.online() == 0 })
		java.reaches(t, java.come(t, 101))
	})
	t.Run("connection that was left", func(t *testing.T) {
		// The client is back before its node noticed that it has gone.
		before := offlineCount(t, "back", cluster.Nodes()...)
		for user := int64(201); user <= 210; user++ {
			old := java.come(t, user)
			java.reaches(t, old)
			now := java.comeBack(t, user)
			old.ended(patience)
			eventually(t, "the node has dealt with the old connection", func() bool {
				return offlineCount(t, "back", cluster.Nodes()...) == before+int(user-200)
			})
			java.reaches(t, now)
		}
	})
	t.Run("drain", func(t *testing.T) {
		leaving := cluster.Nodes()[1]
		var there []*cimClient
		for user := int64(301); len(there) < 10; user++ {
			if c := java.come(t, user); c.conn.RemoteAddr().String() == leaving.Client {
				java.reaches(t, c)
				there = append(there, c)
			}
		}
		if err := syscall.Kill(leaving.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, "CIM's route is told of no node that leaves", func() bool { return len(java.servers()) == 1 })
		for i, c := range there {
			c.ended(patience)
			if i%2 == 0 { // the others were shut down meanwhile
				java.reaches(t, java.comeBack(t, c.user))
			}
		}
		<-leaving.Done()
		for i, c := range there {
			if at, _ := java.record(c.user); (at == "") != (i%2 == 1) {
				t.Errorf("user %d, who came back: %v, is at %q", c.user, i%2 == 0, at)
			}
		}
	})
	t.Run("killed node", func(t *testing.T) {
		c := java.come(t, 401)
		java.reaches(t, c)
		dead := nodeAt(t, cluster, c.conn.RemoteAddr().String())
		other, err := cluster.AddNode(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "ZooKeeper lists the other", func() bool { return len(java.servers()) == 2 })
		dead.Kill()
		c.ended(patience)
		c = java.comeBack(t, 401) // nobody else can tell the route
		if at := c.conn.RemoteAddr().String(); at != other.Client {
			t.Errorf("came back to %s", at)
		}
		java.reaches(t, c)
	})
}

func startZooKeeper(t *testing.T) *zktest.Server {
	t.Helper()
	zk, err := zktest.Start(t.Context(), zktest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(zk.Stop)
	return zk
}

// A node works beside a route of ours only. CIM's routes must not send users to one that
// has none, which would let them in and never be heard of again.
func TestNodeWithoutARouteOfOursIsNotPublished(t *testing.T) {
	t.Parallel()
	zk := startZooKeeper(t)
	java := startJavaRoute(t, zk)
	var log lockedBuffer
	http := address(t)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := nodeserver.Run(ctx, []string{
			"-auth", "open", "-id", "node-1", "-listen", address(t), "-http", http, "-gossip", address(t), "-zk", zk.Addr(), "-route-url", java.URL,
		}, &log); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	eventually(t, "the node stands beside CIM's servers", func() bool {
		names, err := zk.Owners(t.Context(), mirror.DefaultRoot+"-standby")
		return err == nil && len(names) == 1
	})
	eventually(t, "the log says what the node needs", func() bool { return strings.Contains(log.String(), "needs a cim-route") })
	status, body := call(t, "GET", "http://"+http+"/readyz", "", nil)
	if status != 503 || !strings.Contains(string(body), "needs a cim-route") {
		t.Errorf("/readyz answers %d %s", status, body)
	}
	if names := java.servers(); len(names) != 0 {
		t.Errorf("CIM's route would send users to %q", names)
	}
	if n := strings.Count(log.String(), "needs a cim-route"); n > 1 {
		t.Errorf("the log says it %d times:\n%s", n, log.String())
	}
}

func TestNodeIsPublishedWhileARouteOfOursAnswers(t *testing.T) {
	t.Parallel()
	zk := startZooKeeper(t)
	java := startJavaRoute(t, zk)
	cluster := startCluster(t, up.Config{Nodes: 1, ZK: zk.Addr()})
	eventually(t, "ZooKeeper lists it", func() bool { return len(java.servers()) == 1 })
	route, node := cluster.Routes()[0], cluster.Nodes()[0]
	readyz := func() (int, string) {
		status, body := call(t, http.MethodGet, node.URL+"/readyz", "", nil)
		return status, string(body)
	}
	route.Kill()
	killed := time.Now()
	eventually(t, "CIM's route does not find it", func() bool { return len(java.servers()) == 0 })
	if away := time.Since(killed); away < 10*time.Second {
		t.Errorf("the node was taken away after %v: a route that starts anew is back by then", away)
	}
	if status, body := readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "needs a cim-route") {
		t.Errorf("/readyz answers %d %s", status, body)
	}
	if err := cluster.RestartRoute(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	eventually(t, "CIM's route finds it again", func() bool { return len(java.servers()) == 1 })
	if status, body := readyz(); status != http.StatusOK {
		t.Errorf("/readyz answers %d %s", status, body)
	}
}

// address returns one that is free.
func address(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var _ io.Writer = (*lockedBuffer)(nil)
