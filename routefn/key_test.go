package routefn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// postKeyed posts a body with values of the header Idempotency-Key.
func (w *world) postKeyed(path, token string, q, answer any, keys ...string) proto.Code {
	w.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, key := range keys {
		r.Header.Add("Idempotency-Key", key)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			w.t.Fatal(err)
		}
		return proto.OK
	}
	var failed proto.Error
	if err := json.NewDecoder(response.Body).Decode(&failed); err != nil {
		w.t.Fatal(err)
	}
	return failed.Code
}

// The id of a message may be in the header, as a string or as it is. So the same message is
// stored once, wherever its id is.
func TestIdempotencyKeyIsTheID(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	q := proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"}
	first := w.send(alice.Token, q)
	for _, id := range []string{"", "m1"} {
		for _, key := range []string{"m1", `"m1"`} {
			var again proto.SendReceipt
			q.ID = id
			if code := w.postKeyed(proto.PathSend, alice.Token, q, &again, key); code != proto.OK || again != first {
				t.Errorf("id %q, key %s: %v, %+v, want %+v", id, key, code, again, first)
			}
		}
	}
	q.ID = "m1"
	for _, keys := range [][]string{{"m2"}, {""}, {`""`}, {"m1", "m1"}} {
		if code := w.postKeyed(proto.PathSend, alice.Token, q, nil, keys...); code != proto.Invalid {
			t.Errorf("id m1, keys %q: %v", keys, code)
		}
	}
	q.ID = ""
	if code := w.postKeyed(proto.PathSend, alice.Token, q, nil, "with space"); code != proto.Invalid {
		t.Errorf("an id with a space: %v", code)
	}
	if code := w.postKeyed(proto.PathSend, alice.Token, q, nil); code != proto.Invalid {
		t.Errorf("no id: %v", code)
	}
	var later proto.Scheduled
	if code := w.postKeyed(proto.PathSchedule, alice.Token, proto.ScheduleMessage{To: bob.User, Text: "later", After: 60_000}, &later, "m3"); code != proto.OK || later.ID != "m3" {
		t.Errorf("a delayed message: %v, %+v", code, later)
	}
	if got := w.pull(bob.Token, proto.Position{}).Messages; len(got) != 1 {
		t.Errorf("bob has %d messages, want 1", len(got))
	}
}

func TestMessageOfLongAgoIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for ago, want := range map[time.Duration]proto.Code{25 * time.Hour: proto.TooOld, time.Hour: proto.OK} {
		q := proto.SendMessage{ID: fmt.Sprint("m", ago), To: bob.User, Text: "hi", FirstTry: time.Now().Add(-ago).UnixMilli()}
		if code := w.post(proto.PathSend, alice.Token, q, nil); code != want {
			t.Errorf("first tried %v ago: %v, want %v", ago, code, want)
		}
	}
}

// Many requests at once, of several users and some of them twice, are stored together. Each
// gets the answer to its own message.
func TestRequestsAtOnceGetTheirOwnAnswers(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	void := w.connect("dave", "phone")
	if code := w.post(proto.PathLogout, void.Token, struct{}{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	var all sync.WaitGroup
	for i := range 12 { // with 16 requests at once, one user has as many as one user may have
		for try := range 2 {
			all.Go(func() {
				from, to := alice, bob.User
				if i%2 == 0 {
					from, to = bob, carol.User
				}
				id := fmt.Sprint("m", i)
				var a proto.SendReceipt
				if code := w.post(proto.PathSend, from.Token, proto.SendMessage{ID: id, To: to, Text: id}, &a); code != proto.OK || a.ID != id || a.At.Key != proto.Key(from.User, id) {
					t.Errorf("%s: %v, %+v", id, code, a)
				}
				if try == 1 {
					return
				}
				if code := w.post(proto.PathSend, void.Token, proto.SendMessage{ID: id, To: to, Text: id}, nil); code != proto.Unauthorized {
					t.Errorf("%s of a device that was logged out: %v", id, code)
				}
			})
		}
	}
	all.Wait()
	if got := w.pull(carol.Token, proto.Position{}).Messages; len(got) != 6 {
		t.Errorf("carol has %d messages, want 6", len(got))
	}
}
