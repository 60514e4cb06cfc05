package routefn

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/compat"
)

func id(user int64) string { return strconv.FormatInt(user, 10) }

// cim sends a request as CIM's client does, and returns the body of the answer.
func (w *world) cim(path, body string) string {
	w.t.Helper()
	status, _, b := w.call(http.MethodPost, path, "", "application/json; charset=UTF-8", body)
	if status != http.StatusOK {
		w.t.Fatalf("%s answers %d: %s", path, status, b)
	}
	return string(b)
}

func cimCodeOf(t *testing.T, answer string) string {
	t.Helper()
	var e struct{ Code string }
	if err := json.Unmarshal([]byte(answer), &e); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return e.Code
}

const cimSuccess = `{"code":"9000","message":"Success","reqNo":null,"dataBody":null}`

func TestCIMAnswersAreThoseOfCIMByteForByte(t *testing.T) {
	w := newWorld(t, nil)
	alice := id(w.register("alice"))
	w.connectCIM("bob", w.nodes["n1"])
	bob := id(w.register("bob"))
	carol := id(w.register("carol"))
	w.nodes["n1"].users = []proto.User{{User: w.register("bob"), Name: "bob"}}
	w.table.Set([]ring.Member{{
		ID: "n1", Boot: 1, Client: "10.0.0.7:11211", HTTP: w.nodes["n1"].origin.Address, Weight: 1, State: ring.Serving,
	}})
	_, port, _ := strings.Cut(w.nodes["n1"].origin.Address, ":")
	for _, c := range []struct{ path, body, want string }{
		{"/registerAccount", `{"userName":"alice","reqNo":"1234567890","timeStamp":0}`,
			`{"code":"9000","message":"Success","reqNo":null,"dataBody":{"userId":` + alice + `,"userName":"alice"}}`},
		{"/login", `{"userId":` + alice + `,"userName":"alice"}`,
			`{"code":"9000","message":"Success","reqNo":null,"dataBody":{"ip":"10.0.0.7","cimServerPort":11211,"httpPort":` + port + `}}`},
		{"/login", `{"userId":` + bob + `,"userName":"bob"}`,
			`{"code":"5000","message":"The device is already connected.","reqNo":null,"dataBody":null}`},
		{"/login", `{"userId":` + alice + `,"userName":"bob"}`,
			`{"code":"9100","message":"The id and the name belong to different accounts.","reqNo":null,"dataBody":null}`},
		{"/login", `{"userId":1,"userName":"alice"}`,
			`{"code":"9100","message":"The id and the name belong to different accounts.","reqNo":null,"dataBody":null}`},
		{"/groupRoute", `{"userId":` + alice + `,"msg":"hi"}`, cimSuccess},
		{"/groupRoute", `{"userId":` + alice + `,"msg":""}`,
			`{"code":"3000","message":"The text is empty.","reqNo":null,"dataBody":null}`},
		{"/p2pRoute", `{"userId":` + alice + `,"receiveUserId":` + bob + `,"msg":"hi"}`, cimSuccess},
		{"/p2pRoute", `{"userId":` + alice + `,"receiveUserId":` + carol + `,"msg":"hi"}`,
			`{"code":"7000","message":"The receiver is offline; the message is kept.","reqNo":null,"dataBody":null}`},
		{"/p2pRoute", `{"userId":` + alice + `,"receiveUserId":99,"msg":"hi"}`,
			`{"code":"3000","message":"There is no such user.","reqNo":null,"dataBody":null}`},
		{"/onlineUser", `{}`,
			`{"code":"9000","message":"Success","reqNo":null,"dataBody":[{"userId":` + bob + `,"userName":"bob"}]}`},
		{"/fetchOfflineMsgs", `{"receiveUserId":` + bob + `}`, cimSuccess},
		{"/fetchOfflineMsgs", `{"receiveUserId":` + carol + `}`, cimSuccess},
		{"/offLine", `{"userId":` + bob + `,"msg":"off"}`, cimSuccess},
		{"/offLine", `{"userId":` + bob + `,"msg":"off"}`, cimSuccess},
		{"/offLine", `{"userId":0}`, `{"code":"3000","message":"The userId is not a user id.","reqNo":null,"dataBody":null}`},
		{"/login", `{"userId":"x"}`, `{"code":"3000","message":"The field userId has the wrong type.","reqNo":null,"dataBody":null}`},
		{"/login", `{`, `{"code":"3000","message":"The body is not JSON.","reqNo":null,"dataBody":null}`},
	} {
		var got string
		w.untilComplete(func() { got = w.cim(c.path, c.body) })
		if got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.path, c.body, got, c.want)
		}
	}
	w.table.Set(nil)
	if got := w.cim("/login", `{"userId":`+alice+`,"userName":"alice"}`); cimCodeOf(t, got) != "7100" {
		t.Errorf("login without a server: %s", got)
	}
}

func TestCIMListsOnlineUsersByGetToo(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 2500 { // that is three pages
		n := w.nodes["n"+strconv.Itoa(1+i%2)]
		n.users = append(n.users, proto.User{User: int64(i + 1), Name: "u" + strconv.Itoa(i)})
	}
	var b []byte
	w.untilComplete(func() { _, _, b = w.call(http.MethodGet, "/onlineUser", "", "", "") })
	var answer struct{ DataBody []compat.User }
	if err := json.Unmarshal(b, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.DataBody) != 2500 || answer.DataBody[2499].UserID != 2500 {
		t.Fatalf("%d users", len(answer.DataBody))
	}
}

func TestCIMBatchIsStoredInOrderUnderItsSender(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.register("alice")
	bob := w.connect("bob", "phone")
	w.cim("/p2pRoute", `{"userId":`+id(alice)+`,"receiveUserId":`+id(bob.User)+`,"batchMsg":["one","two","three"]}`)
	var pulled proto.PulledMessages
	if code := w.post(proto.PathPull, bob.Token, proto.PullMessages{}, &pulled); code != proto.OK {
		t.Fatal(code)
	}
	var texts []string
	for _, m := range pulled.Messages {
		if m.From != alice || m.FromName != "alice" {
			t.Errorf("message of %d %q, want alice's", m.From, m.FromName)
		}
		texts = append(texts, m.Text)
	}
	if strings.Join(texts, " ") != "one two three" {
		t.Fatalf("stored %q", texts)
	}
}

func TestCIMGroupMessageLeavesItsSenderOut(t *testing.T) {
	w := newWorld(t, nil)
	alice, opened := w.connectCIM("alice", w.nodes["n1"])
	w.cim("/groupRoute", `{"userId":`+id(alice)+`,"msg":"hi"}`)
	w.flush()
	items := w.nodes["n1"].items()
	if len(items) != 1 || items[0].Except != opened.Number || items[0].User != 0 {
		t.Fatalf("pushed %v, want one item for all but %d", items, opened.Number)
	}
}

func TestCIMFetchNudgesTheNodeOfTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	n := w.nodes["n1"]
	alice, opened := w.connectCIM("alice", n)
	w.cim("/fetchOfflineMsgs", `{"receiveUserId":`+id(alice)+`}`)
	w.flush()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pushed) != 1 || len(n.pushed[0].Items) != 1 || n.pushed[0].Items[0].Numbers[0] != opened.Number || n.pushed[0].Items[0].Stored != nil {
		t.Fatalf("node was told %v", n.pushed)
	}
}

func TestCIMPathsDoNotExistOutsideOpenMode(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthPassword })
	for _, u := range w.route.requests {
		if !u.forCIM() {
			continue
		}
		if code := w.post(u.path, "", "{}", nil); code != proto.NotFound {
			t.Errorf("%s: %v, want not found", u.path, code)
		}
		answer := httptest.NewRecorder()
		u.handler(w.route, u.name, answer, httptest.NewRequest(http.MethodPost, u.path, strings.NewReader("{}")))
		if answer.Code != http.StatusNotFound {
			t.Errorf("%s, mounted by hand: %d", u.path, answer.Code)
		}
		if _, err := w.route.Only(u.name); err == nil {
			t.Errorf("%s was mounted alone", u.name)
		}
	}
}

func TestCIMIsToldWhenTheStoreIsAway(t *testing.T) {
	w := newWorld(t, nil)
	w.redis.Close()
	status, header, b := w.call(http.MethodPost, "/registerAccount", "", "", `{"userName":"alice"}`)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || cimCodeOf(t, string(b)) == "9000" {
		t.Fatalf("status %d, %v, %s", status, header, b)
	}
}

// CIM shows such a message as it shows those of others.
func TestCIMMessageToItsSenderIsPushed(t *testing.T) {
	w := newWorld(t, nil)
	alice, opened := w.connectCIM("alice", w.nodes["n1"])
	w.cim("/p2pRoute", `{"userId":`+id(alice)+`,"receiveUserId":`+id(alice)+`,"msg":"milk"}`)
	w.flush()
	items := w.nodes["n1"].items()
	if len(items) != 1 || !slices.Equal(items[0].Numbers, []int64{opened.Number}) || items[0].Except != 0 {
		t.Fatalf("pushed %v, want one item for %d", items, opened.Number)
	}
}
