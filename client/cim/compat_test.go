package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

func cimSuccess(dataBody string) string {
	return `{"code":"9000","message":"Success","reqNo":null,"dataBody":` + dataBody + `}`
}

// Every call of CIM's route, byte for byte, as far as CIM's clients read it: the
// sentence that goes with a failure is ours.
func TestEveryCallOfCIMIsAnsweredAsCIMDoes(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	extra := `"reqNo":"1234567890","timeStamp":1547028929`
	register := func(name string) int64 {
		t.Helper()
		user := cimRegister(t, s.url, name)
		want := cimSuccess(fmt.Sprintf(`{"userId":%d,"userName":%q}`, user, name))
		if got := cimCall(t, s.url+"/registerAccount", fmt.Sprintf(`{"userName":%q,%s}`, name, extra)); got != want {
			t.Errorf("registered again: %s, want %s", got, want)
		}
		return user
	}
	alice, bob := register("alice"), register("bob")

	whole := func(path, body, want string) {
		t.Helper()
		if got := cimCall(t, s.url+path, body); got != want {
			t.Errorf("%s %s:\n got %s\nwant %s", path, body, got, want)
		}
	}
	// failed compares all but the sentence.
	failed := func(path, body, code string) {
		t.Helper()
		got := cimCall(t, s.url+path, body)
		if !strings.HasPrefix(got, `{"code":"`+code+`","message":"`) || !strings.HasSuffix(got, `","reqNo":null,"dataBody":null}`) {
			t.Errorf("%s %s: %s, want code %s", path, body, got, code)
		}
	}
	at, _ := cimLoginAt(t, s.url, alice, "alice")
	member := s.nodes[slices.IndexFunc(s.nodes, func(st *station) bool { return st.member.Client == at.client() })].member
	_, clients, _ := net.SplitHostPort(member.Client)
	_, internal, _ := net.SplitHostPort(member.HTTP)
	whole("/login", fmt.Sprintf(`{"userId":%d,"userName":"alice",%s}`, alice, extra),
		cimSuccess(fmt.Sprintf(`{"ip":"127.0.0.1","cimServerPort":%s,"httpPort":%s}`, clients, internal)))
	failed("/login", fmt.Sprintf(`{"userId":%d,"userName":"bob"}`, alice), "9100")
	failed("/login", `{"userId":1,"userName":"alice"}`, "9100")

	onBob := s.connectCIM("bob")
	failed("/login", fmt.Sprintf(`{"userId":%d,"userName":"bob"}`, bob), "5000")
	list := cimSuccess(fmt.Sprintf(`[{"userId":%d,"userName":"bob"}]`, bob))
	eventually(t, "bob is listed", func() bool { // a node that takes longer than 300 ms is left out
		return cimCall(t, s.url+"/onlineUser", `{}`) == list
	})
	eventually(t, "bob is listed by GET too", func() bool {
		status, got := call(t, http.MethodGet, s.url+"/onlineUser", "", nil)
		return status == http.StatusOK && string(got) == list
	})
	whole("/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi",%s}`, alice, bob, extra), cimSuccess("null"))
	whole("/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"batchMsg":["a","b"]}`, alice, bob), cimSuccess("null"))
	whole("/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":"all",%s}`, alice, extra), cimSuccess("null"))
	whole("/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":"mine"}`, bob), cimSuccess("null"))
	if got := onBob.texts(4); !slices.Equal(got, []string{"alice: hi", "alice: a", "alice: b", "alice: all"}) {
		t.Errorf("bob was shown %q", got)
	}
	onBob.quiet() // not what bob said
	failed("/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"later"}`, bob, alice), "7000")
	failed("/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":""}`, alice), "3000")
	failed("/groupRoute", `{"userId":0,"msg":"hi"}`, "3000")
	whole("/fetchOfflineMsgs", fmt.Sprintf(`{"receiveUserId":%d,%s}`, bob, extra), cimSuccess("null"))
	onBob.quiet() // nothing waited
	for range 2 {
		whole("/offLine", fmt.Sprintf(`{"userId":%d,"msg":"offLine",%s}`, bob, extra), cimSuccess("null"))
	}
	onBob.ended(patience)
	whole("/onlineUser", `{}`, cimSuccess("[]"))
	s.table.Set([]ring.Member{})
	failed("/login", fmt.Sprintf(`{"userId":%d,"userName":"alice"}`, alice), "7100")
}

// The bytes of a connection, from the login, which is never answered, to the end.
func TestConnectionOfCIMIsByteForByte(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice, bob := cimRegister(t, s.url, "alice"), cimRegister(t, s.url, "zs")
	for _, text := range []string{"a", "b"} {
		privately(t, s.url, alice, bob, text)
	}
	c := s.connectCIM("zs")

	offline := cimFrame{id: bob, cmd: cimOffline, batch: []string{"a", "b"}, properties: map[string]string{
		"sendUserId": fmt.Sprint(alice), "sendUserName": "alice", "receiveUserId": fmt.Sprint(bob),
	}}
	if f := c.next(); !same(f, offline) {
		t.Errorf("what waited came as %+v, want %+v", f, offline)
	}
	c.ping()
	if b, err := c.bytes(patience); err != nil || hex.EncodeToString(b) != "0a04706f6e671802" {
		t.Errorf("pong is %x, %v", b, err)
	}
	privately(t, s.url, alice, bob, "hi")
	live := offline
	live.cmd, live.msg, live.batch = cimMessage, "hi", nil
	b, err := c.bytes(patience)
	if err != nil {
		t.Fatal(err)
	}
	// Java writes the fields in the order of their numbers.
	head := slices.Concat([]byte("\x0a\x02hi\x10"), varint(bob), []byte("\x18\x01\x22"))
	if f, err := readCIM(b); err != nil || !same(f, live) || !bytes.HasPrefix(b, head) {
		t.Errorf("push is %x, %+v, %v, want %+v", b, f, err, live)
	}
}

func varint(n int64) []byte {
	f := cimBytes("", n, cimMessage)
	return f[2 : len(f)-2] // without the length, its own tag, and the command
}

func same(a, b cimFrame) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

// A route of CIM's pushes through a node of ours: it finds the node's address in
// ZooKeeper and knows nothing of our records, as we know nothing of its accounts.
func TestRouteOfCIMPushesThroughANode(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	const user = 1547028929407 // of an account in CIM's Redis
	c := dialCIM(t, s.nodes[0].member.Client, user, "zs")
	holder := s.nodes[0].member.ID
	eventually(t, "the connection is open", func() bool { return s.nodes[0].Users() == 1 })
	push := func(cmd, msg, batch string) string {
		return fmt.Sprintf(`{"userId":%d,"msg":%s,"batchMsg":%s,"cmd":%q,`+
			`"properties":{"sendUserId":"1","sendUserName":"ls","receiveUserId":"%d"}}`, c.user, msg, batch, cmd, c.user)
	}
	for _, st := range s.nodes {
		url := "http://" + st.member.HTTP + "/sendMsg"
		if st.member.ID != holder {
			for _, body := range []string{push("MESSAGE", `"hi"`, "null"), push("OFFLINE", "null", `["a","b"]`)} {
				if got := cimCode(t, url, body, nil); got != "7000" {
					t.Errorf("push to a node that does not hold the user: %s, want 7000", got)
				}
			}
			continue
		}
		for _, body := range []string{push("MESSAGE", `"hi"`, "null"), push("OFFLINE", "null", `["a","b"]`)} {
			if got := cimCall(t, url, body); strings.TrimSpace(got) != cimSuccess(`{"msg":"OK"}`) {
				t.Errorf("push: %s", got)
			}
		}
	}
	if f := c.next(); f.cmd != cimMessage || f.msg != "hi" || f.id != c.user || f.properties["sendUserName"] != "ls" {
		t.Errorf("was sent %+v", f)
	}
	if f := c.next(); f.cmd != cimOffline || !slices.Equal(f.batch, []string{"a", "b"}) || f.properties["sendUserId"] != "1" {
		t.Errorf("was sent %+v", f)
	}
	c.conn.Close()
	eventually(t, "a push finds nobody", func() bool {
		return cimCode(t, "http://"+s.station(holder).member.HTTP+"/sendMsg", push("MESSAGE", `"hi"`, "null"), nil) == "7000"
	})
}

// A CIM client whose connection is lost comes back by offLine, login, connect, and the
// login frame. It fetches nothing, and is shown what came meanwhile.
func TestCIMClientReconnectsByItsOwnSteps(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2})
	route := cluster.RouteURLs()[0]
	user := cimRegister(t, route, "zs")
	bob := connect(t, cluster.RouteURLs(), "bob")
	var c *cimClient
	dance := func() bool {
		if code := cimCode(t, route+"/offLine", fmt.Sprintf(`{"userId":%d,"msg":"offLine"}`, user), nil); code != "9000" {
			t.Fatalf("offLine: %s", code)
		}
		at, code := cimLoginAt(t, route, user, "zs")
		if code != "9000" {
			t.Fatalf("login: %s", code)
		}
		var err error
		c, err = tryCIM(t, at.client(), user, "zs")
		return err == nil
	}
	if !dance() {
		t.Fatal("nobody is there")
	}
	send(t, bob, user, "one")
	if got := c.texts(1); got[0] != "bob: one" {
		t.Errorf("was shown %q", got)
	}
	nodeAt(t, cluster, c.conn.RemoteAddr().String()).Kill()
	c.ended(patience)
	send(t, bob, user, "two")
	begun := time.Now()
	eventually(t, "the client is back", dance)
	t.Logf("back %v after its node had died", time.Since(begun))
	send(t, bob, user, "three")
	// No ping followed the first, so that nobody knows whether it was shown.
	if got := c.until("bob: three"); !slices.Equal(got, []string{"bob: one", "bob: two", "bob: three"}) {
		t.Errorf("was shown %q after it was back", got)
	}
}

func TestCIMAndOurClientsTalkToEachOther(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	ours := connect(t, []string{s.url}, "alice")
	theirs := s.connectCIM("zs")
	send(t, ours, theirs.user, "hi")
	if got := theirs.texts(1); got[0] != "alice: hi" {
		t.Errorf("zs was shown %q", got)
	}
	if code := privately(t, s.url, theirs.user, ours.Self().User, "hello"); code != "9000" {
		t.Errorf("answer: %s", code)
	}
	if code := cimCode(t, s.url+"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":"all"}`, theirs.user), nil); code != "9000" {
		t.Errorf("to everyone: %s", code)
	}
	if got := shown(t, ours, 2); !slices.Contains(got, "hello") || !slices.Contains(got, "all") {
		t.Errorf("alice was shown %q", got)
	}
	if code := post(t, s.url+proto.PathRegister, "", proto.RegisterRequest{Name: "zs"}, nil); code != proto.OK {
		t.Errorf("an account of CIM's is none of ours: %v", code)
	}
	theirs.quiet()
}
