package routefn

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
)

// exported asks for a page of an export, and returns it with the query of the next one.
func (w *world) exported(bearer, query string) (page, next string) {
	w.t.Helper()
	status, header, b := w.call(http.MethodGet, proto.PathExport+query, bearer, "", "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/x-ndjson" {
		w.t.Fatalf("export: status %d, %q, %.200s", status, header.Get("Content-Type"), b)
	}
	link := header.Get("Link")
	if link == "" {
		return string(b), ""
	}
	if !strings.HasPrefix(link, "<?cursor=") || !strings.HasSuffix(link, `>; rel="next"`) {
		w.t.Fatalf("the link is %q", link)
	}
	return string(b), link[1:strings.Index(link, ">")]
}

// rest asks for all pages from one on.
func (w *world) rest(bearer, query string) (file string) {
	w.t.Helper()
	for {
		page, next := w.exported(bearer, query)
		if file += page; next == "" {
			return file
		}
		query = next
	}
}

// stuff writes more to a user than a page holds.
func (w *world) stuff(from connection, to int64) {
	w.t.Helper()
	for i := range 18 {
		w.send(from.Token, proto.SendMessage{ID: fmt.Sprint("big", i), To: to, Text: strings.Repeat("x", 60_000)})
	}
}

func complete(t *testing.T, file string) {
	t.Helper()
	if err := format.Check(strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
}

// The token alone says whose data they are. Any route serves any page.
func TestExportIsOfTheCallerOnly(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.stuff(bob, alice.User)
	w.send(bob.Token, proto.SendMessage{ID: "last", To: alice.User, Text: "the last of alice"})
	first, next := w.exported(alice.Token, "")
	if next == "" || len(first) > 1<<20 || !strings.Contains(first, `{"kind":"account","user":`+id(alice.User)+`,"name":"alice"}`) {
		t.Fatalf("the first page of alice has %d bytes, next %q: %.200s", len(first), next, first)
	}
	if code := w.get(proto.PathExport+next, bob.Token, nil); code != proto.Invalid {
		t.Errorf("bob uses the cursor of alice: %v", code)
	}
	for query, want := range map[string]proto.Code{"?cursor=x": proto.Invalid, "?cursor=%00": proto.Invalid} {
		if code := w.get(proto.PathExport+query, alice.Token, nil); code != want {
			t.Errorf("%s: %v, want %v", query, code, want)
		}
	}
	file := first + w.another().rest(alice.Token, next)
	complete(t, file)
	if strings.Count(file, `"kind":"message"`) != 19 || !strings.Contains(file, "the last of alice") {
		t.Errorf("alice gets %d messages", strings.Count(file, `"kind":"message"`))
	}
	if own := w.rest(bob.Token, "?user="+id(alice.User)); strings.Contains(own, `"name":"alice"`) || !strings.Contains(own, `"name":"bob"`) {
		t.Errorf("bob gets %.300s", own)
	}
}

// An export that has begun goes on with a new token, and not with an old one.
func TestExportNeedsAValidToken(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.stuff(bob, alice.User)
	first, next := w.exported(alice.Token, "")
	expired, err := w.issuer.Token(token.Token{User: alice.User, Name: "alice", Device: "phone", Number: 1, Expires: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if code := w.post(proto.PathLogout, alice.Token, proto.LogoutRequest{Device: "phone"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	for bearer, want := range map[string]proto.Code{"": proto.Unauthorized, expired: proto.Unauthorized, alice.Token: proto.Unauthorized} {
		for _, query := range []string{"", next} {
			if code := w.get(proto.PathExport+query, bearer, nil); code != want {
				t.Errorf("with the token %.20q: %v, want %v", bearer, code, want)
			}
		}
	}
	again := w.login(proto.LoginRequest{Name: "alice", Device: "desk"})
	complete(t, first+w.rest(again.Token, next))
}

// A page costs as much as ten pulls. One that is refused leaves the rest to pulls.
func TestExportIsBounded(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Pulls: hourly(15)}, nil)
	alice := w.connect("alice", "phone")
	complete(t, w.rest(alice.Token, ""))
	status, header, b := w.call(http.MethodGet, proto.PathExport, alice.Token, "", "")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(string(b), fmt.Sprint(int(proto.Limited))) {
		t.Errorf("status %d, %q, %s", status, header.Get("Retry-After"), b)
	}
	for range 5 {
		if code := w.pulls(alice.Token); code != proto.OK {
			t.Errorf("a pull after the export: %v", code)
		}
	}
	if code := w.pulls(alice.Token); code != proto.Limited {
		t.Errorf("the pull after the last one: %v", code)
	}
}

// While an export stands still, its log is trimmed. The export goes on and says so.
func TestExportGoesOnAfterATrim(t *testing.T) {
	w := newStoredWorld(t, record.Config{Retention: record.Retention{Count: 20}}, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.stuff(bob, alice.User)
	first, next := w.exported(alice.Token, "")
	for i := range 200 {
		w.send(bob.Token, proto.SendMessage{ID: fmt.Sprint("short", i), To: alice.User, Text: "short"})
	}
	file := first + w.rest(alice.Token, next)
	complete(t, file)
	if !strings.Contains(file, `"kind":"gap","user":`+id(alice.User)+`,"reason":"trimmed","count":`) {
		t.Errorf("no line about what is missing:\n%.500s", file[len(first):])
	}
}
