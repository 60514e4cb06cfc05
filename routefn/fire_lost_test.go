package routefn

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/delayed"
)

// redisDo runs one command in the store.
func (w *world) redisDo(words ...string) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.redis.Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(c, "$%d\r\n%s\r\n", len(word), word)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(c, answer); err != nil || answer[0] == '-' {
		w.t.Fatalf("%v: %q, %v", words, answer, err)
	}
}

// The store lost everything, and the sender makes no other request. The delayed message
// is sent all the same. It is in both logs. If accounts are not restored, it is in the
// receiver's log only.
func TestDelayedMessageOfALostSenderIsSent(t *testing.T) {
	for name, auth := range map[string]Auth{"open": AuthOpen, "password": AuthPassword} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Auth = auth })
			bearer := func(user int64, name string) string {
				made, err := w.issuer.Token(token.Token{User: user, Name: name, Device: "phone", Number: 1, Expires: time.Now().Add(time.Hour)})
				if err != nil {
					t.Fatal(err)
				}
				return made
			}
			const lost = 1547028929407
			var bob proto.RegisterAnswer
			if code := w.post(proto.PathRegister, "", proto.RegisterRequest{Name: "bob", Password: "a password"}, &bob); code != proto.OK {
				t.Fatal(code)
			}
			w.due(bearer(lost, "alice"), "m1", bob.User, 0)
			wait.Until(t, "nothing is left", func() bool {
				w.fire()
				return len(w.scheduled(bearer(lost, "alice"), "").Messages) == 0
			})
			w.wantInbox(bearer(bob.User, "bob"), "m1")
			if auth == AuthOpen {
				w.wantInbox(bearer(lost, "alice"), "m1")
			}
		})
	}
}

// If a log cannot be written, the messages for it wait, in order. All others are sent.
func TestBrokenLogHoldsBackItsOwnOnly(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	// dave must be in alice's shard, because other shards do not wait anyway.
	dave := carol
	for name := 0; dave.User%32 != alice.User%32 || dave.User == carol.User; name++ {
		dave = w.connect(fmt.Sprint("dave", name), "phone")
	}
	const batch = 100 // how many messages the route takes at a time
	for i := range batch + 10 {
		w.due(alice.Token, fmt.Sprint("m", i), bob.User, 0)
	}
	w.due(dave.Token, "d", carol.User, 0)
	list := fmt.Sprintf("cim:{%d}:l", bob.User)
	w.redisDo("SET", list, "no list")
	times := 0.0 // above one if a run has no time for all batches
	wait.Until(t, "carol has the message for her", func() bool {
		w.fire()
		times++
		return len(w.pull(carol.Token, proto.Position{}).Messages) > 0
	})
	w.wantInbox(carol.Token, "d")
	if left := testutil.ToFloat64(w.route.metrics.DelayedRetried); left != times*batch {
		t.Errorf("%v were tried and left in %v rounds, want the first batch only", left, times)
	}
	if page := w.scheduled(alice.Token, "?limit=1"); len(page.Messages) != 1 || page.Messages[0].State != proto.StateFiring {
		t.Errorf("pending are %+v", page)
	}
	w.redisDo("DEL", list)
	var want []string
	for i := range batch + 10 {
		want = append(want, fmt.Sprint("m", i))
	}
	for len(w.scheduled(alice.Token, "").Messages) > 0 {
		w.fire()
	}
	w.wantInbox(bob.Token, want...)
}

// If the caller hangs up, messages that were taken are still sent.
func TestCallerWhoHangsUpStopsNothing(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.due(alice.Token, "m1", bob.User, 0)
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	if answer, err := w.route.node.Fire(hungUp, nil); err != nil || answer.Next != delayed.AskLatest.Milliseconds() {
		t.Fatalf("answer %v, %v", answer, err)
	}
	w.wantInbox(bob.Token, "m1")
}
