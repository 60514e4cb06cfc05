package node

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// raw connects like a CIM client, to see the bytes.
func (w *town) raw(t *testing.T, first string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	w.ln.conns <- theirs
	t.Cleanup(func() { _ = ours.Close() })
	b, err := hex.DecodeString(strings.ReplaceAll(first, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write(b); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return ours
}

// The bytes of CIM's client and server, as its Java code writes them.
func TestCIMGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.route.store(t, proto.Inbox, 2, 1, "waited")
		conn := w.raw(t, "06 0a027a73 1001") // login of user 1, "zs"; it is never answered
		if f, err := proto.ReadFrame(byteReader{conn}, 100); err != nil || f.Cmd != proto.Command_OFFLINE {
			t.Fatalf("got %v, %v", f, err)
		}
		synctest.Wait()
		ping, _ := hex.DecodeString("0a0a0470696e6710011802")
		if _, err := conn.Write(ping); err != nil {
			t.Fatal(err)
		}
		pong := make([]byte, 9)
		if _, err := io.ReadFull(conn, pong); err != nil || hex.EncodeToString(pong) != "080a04706f6e671802" {
			t.Errorf("pong is %x, %v", pong, err)
		}
		w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: w.route.store(t, proto.Inbox, 2, 1, "hi")}))
		want := [][]byte{
			[]byte("\x22\x0f\x0a\x0asendUserId\x12\x012"),
			[]byte("\x22\x13\x0a\x0csendUserName\x12\x03bob"),
			[]byte("\x22\x12\x0a\x0dreceiveUserId\x12\x011"),
		}
		size := 8
		for _, entry := range want {
			size += len(entry)
		}
		got := make([]byte, size+1)
		if _, err := io.ReadFull(conn, got); err != nil {
			t.Fatal(err)
		}
		if head, _ := hex.DecodeString("0a02686910011801"); int(got[0]) != size || !bytes.HasPrefix(got[1:], head) {
			t.Errorf("push is %x", got)
		}
		for _, entry := range want { // a map's entries have no order
			if !bytes.Contains(got, entry) {
				t.Errorf("push %q lacks %q", got, entry)
			}
		}
	})
}

func TestCIMIsShownWhatWaitedByRunsOfOneSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		for _, m := range []struct {
			from int64
			text string
		}{{2, "a"}, {2, "b"}, {3, "c"}, {1, "mine"}, {2, "d"}} {
			w.route.store(t, proto.Inbox, m.from, 5-m.from, m.text)
		}
		p := w.cim(t, 1)
		var got []string
		for range 3 {
			f := p.next(t)
			if f.Cmd != proto.Command_OFFLINE || f.RequestId != 1 || f.Properties["receiveUserId"] != "1" {
				t.Errorf("got %v", f)
			}
			got = append(got, f.Properties["sendUserName"]+": "+strings.Join(f.BatchReqMsg, " "))
		}
		if want := []string{"bob: a b", "carol: c", "bob: d"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		p.quiet(t)
	})
}

// Offline messages must not be marked delivered before anyone received them.
func TestCIMCursorMovesAfterAPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		for _, text := range []string{"a", "b"} {
			w.route.store(t, proto.Inbox, 2, 1, text)
		}
		w.route.store(t, proto.Everyone, 2, 0, "before its time")
		p := w.cim(t, 1)
		p.next(t)
		time.Sleep(5 * time.Second)
		if acked := w.route.ackings(); len(acked) > 0 {
			t.Errorf("acknowledged %v before a ping", acked)
		}
		p.write(t, &proto.Frame{Cmd: proto.Command_PING, RequestId: 1, ReqMsg: "ping"})
		p.next(t)
		synctest.Wait()
		if acked := w.route.ackings(); acked[proto.Inbox] != 2 || acked[proto.Everyone] != 1 {
			t.Errorf("acknowledged %v, want 2 of the inbox and where everyone begins", acked)
		}
	})
}

// A ping proves nothing while the socket has not taken all written bytes.
func TestCIMCursorWaitsForTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.route.store(t, proto.Inbox, 2, 1, "a")
		conn := w.raw(t, "06 0a027a73 1001")
		ping, _ := hex.DecodeString("0a0a0470696e6710011802")
		for range 2 {
			time.Sleep(5 * time.Second)
			if _, err := conn.Write(ping); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if acked := w.route.ackings(); acked[proto.Inbox] > 0 {
			t.Errorf("acknowledged %v that nobody read", acked)
		}
	})
}

func TestCIMGapIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.cim(t, 1)
		synctest.Wait()
		w.route.store(t, proto.Inbox, 2, 1, "a") // its push was lost
		second := w.route.store(t, proto.Inbox, 2, 1, "b")
		w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: second}))
		if f := p.next(t); f.Cmd != proto.Command_OFFLINE || !slices.Equal(f.BatchReqMsg, []string{"a", "b"}) {
			t.Errorf("got %v", f)
		}
		synctest.Wait()
		third := w.route.store(t, proto.Inbox, 2, 1, "c")
		for range 3 { // pushed again and again
			w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: third}))
		}
		w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: second}))
		if f := p.next(t); f.Cmd != proto.Command_MESSAGE || f.ReqMsg != "c" {
			t.Errorf("got %v", f)
		}
		p.quiet(t)
	})
}

// If a message to everyone comes while a CIM connection is pending, it comes after the
// place from which the connection is shown the log.
func TestCIMIsShownWhatCameWhilePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.route.store(t, proto.Everyone, 2, 0, "before its time")
		confirm := make(chan struct{})
		w.route.set(func(s *script) {
			newest := s.newestLocked(proto.Everyone)
			s.opening = func(*proto.Opening) *proto.Opened {
				<-confirm
				return &proto.Opened{Number: 1001, Newest: []*proto.Mark{newest}}
			}
		})
		p := w.cim(t, 1)
		synctest.Wait()
		w.Push(push(&proto.PushItem{Stored: w.route.store(t, proto.Everyone, 2, 0, "meanwhile")}))
		close(confirm)
		if f := p.next(t); f.Cmd != proto.Command_OFFLINE || !slices.Equal(f.BatchReqMsg, []string{"meanwhile"}) {
			t.Errorf("got %v", f)
		}
		p.quiet(t)
	})
}

// The node pulls missing messages of the group of everyone once for all connections.
func TestCIMIsShownEveryoneInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, proto.Everyone, 1)
		first, second := c.cim(t, 2), c.cim(t, 3)
		synctest.Wait()
		before := c.route.pullCount()
		items := c.says(t, "1", "2", "3", "4")
		c.pushes(items[1], items[0], items[3])
		time.Sleep(2 * pullWait)
		for _, p := range []*peer{first, second} {
			gets(t, p, "1", "2", "3", "4")
		}
		if n := c.route.pullCount() - before; n != 1 {
			t.Errorf("%d pulls for three connections", n)
		}
	})
}

// The store lost a tail, and each connection is shown the entries that it has instead.
func TestCIMIsShownEveryonesNewLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, proto.Everyone, 1)
		p := c.cim(t, 2)
		synctest.Wait()
		c.pushes(c.says(t, "lost")...)
		gets(t, p, "lost")
		c.route.set(func(s *script) {
			s.logs[proto.Everyone] = s.logs[proto.Everyone][:1]
			s.pull = func(r *proto.PullRequest) (*proto.PullAnswer, error) {
				if entries := s.logs[proto.Everyone]; r.After.Log != proto.Everyone || r.After.Number == 0 {
					return &proto.PullAnswer{Entries: entries, Newest: entries[1].At}, nil
				}
				return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: s.newestLocked(proto.Everyone)}, nil
			}
		})
		c.pushes(c.says(t, "new")...)
		time.Sleep(2 * pullWait)
		if f := p.next(t); !slices.Equal(f.BatchReqMsg, []string{"new"}) {
			t.Errorf("got %v", f)
		}
		p.quiet(t)
	})
}

func TestCIMPullIsRepeatedUntilARouteAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.route.store(t, proto.Inbox, 2, 1, "a")
		failures := 2
		w.route.set(func(s *script) {
			s.pull = func(r *proto.PullRequest) (*proto.PullAnswer, error) {
				switch failures--; failures {
				case 1:
					return nil, errAway
				case 0:
					return &proto.PullAnswer{Code: int32(proto.Unavailable)}, nil
				}
				return &proto.PullAnswer{Entries: w.route.logs[0], Newest: w.route.logs[0][0].At}, nil
			}
		})
		p := w.cim(t, 1)
		if f := p.next(t); !slices.Equal(f.BatchReqMsg, []string{"a"}) {
			t.Errorf("got %v", f)
		}
	})
}

// A log that lost its tail uses its numbers again. Only the keys show that: the key of
// the pushed entry, or that of the entry before it.
func TestCIMDivergedLogGoesOnFromTheLastPointKnown(t *testing.T) {
	for _, pushed := range []int{1, 2} {
		t.Run(fmt.Sprint(pushed), inBubble(func(t *testing.T) {
			w := start(t, inOpenMode)
			w.route.store(t, proto.Inbox, 2, 1, "a")
			w.route.store(t, proto.Inbox, 2, 1, "lost")
			p := w.cim(t, 1)
			p.next(t)
			synctest.Wait()
			w.route.set(func(s *script) {
				s.logs[0] = s.logs[0][:1]
				s.pull = func(r *proto.PullRequest) (*proto.PullAnswer, error) {
					if r.After.Number != 1 {
						return &proto.PullAnswer{Code: int32(proto.Diverged)}, nil
					}
					return &proto.PullAnswer{Entries: s.logs[0][1:], Newest: s.logs[0][2].At}, nil
				}
			})
			w.route.store(t, proto.Inbox, 2, 1, "new") // has the lost one's number
			w.route.store(t, proto.Inbox, 2, 1, "newer")
			w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: w.route.logs[0][pushed]}))
			if f := p.next(t); !slices.Equal(f.BatchReqMsg, []string{"new", "newer"}) {
				t.Errorf("got %v", f)
			}
		}))
	}
}

func TestCIMSlowReaderIsShownEverythingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(c *Config) { c.CIM.Open, c.Limits.OutboxBytes = true, 4<<10 })
		conn := w.raw(t, "06 0a027a73 1001")
		text := strings.Repeat("x", 500)
		const count = 200
		for i := range count {
			stored := w.route.store(t, proto.Inbox, 2, 1, fmt.Sprint(text, i))
			w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: stored}))
		}
		shown := 0
		for shown < count {
			f, err := proto.ReadFrame(byteReader{conn}, 1<<20)
			if err != nil {
				t.Fatalf("after %d: %v", shown, err)
			}
			switch f.Cmd {
			case proto.Command_MESSAGE:
				shown++
			case proto.Command_OFFLINE:
				shown += len(f.BatchReqMsg)
			default:
				t.Fatalf("a CIM client was sent %v", f.Cmd)
			}
		}
		if shown != count {
			t.Errorf("%d messages were shown, want %d", shown, count)
		}
	})
}

// A client that dies before its first ping must be evicted, too.
func TestCIMClientThatNeverPingsIsEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.cim(t, 1)
		began := time.Now()
		p.ended(t)
		if took := time.Since(began); took < 33*time.Second || took > 36*time.Second {
			t.Errorf("evicted after %v", took)
		}
		synctest.Wait()
		wantNumbers(t, "closed", w.route.closings(), 1001)
	})
}

func TestCIMMayBeDisplacedWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		first := w.cim(t, 1)
		synctest.Wait()
		first.write(t, &proto.Frame{Cmd: proto.Command_SEND, ReqMsg: "what CIM does not know is ignored"})
		second := w.cim(t, 1)
		first.ended(t)
		second.quiet(t)
	})
}

func TestPushOfCIMsRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.cim(t, 1)
		w.login(t, 3, 5)
		h := w.Handler()
		for body, code := range map[string]string{
			`{"userId":1,"msg":"hi","batchMsg":null,"cmd":"MESSAGE","properties":{"sendUserId":"2","sendUserName":"bob","receiveUserId":"1"}}`: "9000",
			`{"userId":2,"msg":"hi","cmd":"MESSAGE"}`:                "7000",
			`{"userId":3,"msg":"hi","cmd":"MESSAGE"}`:                "7000", // not a CIM connection
			`{"userId":1,"msg":"hi","cmd":"KICK"}`:                   "3000",
			`{"userId":1,"cmd":"MESSAGE"}`:                           "3000",
			`{"userId":0,"msg":"hi","cmd":"MESSAGE"}`:                "3000",
			`{"userId":9007199254740992,"msg":"hi","cmd":"MESSAGE"}`: "3000",
			`{`: "3000",
		} {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, proto.PathCIMPush, strings.NewReader(body)))
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"code":"`+code+`"`) {
				t.Errorf("%s: %d %s", body, answer.Code, answer.Body)
			}
		}
		f := p.next(t)
		if f.Cmd != proto.Command_MESSAGE || f.ReqMsg != "hi" || f.RequestId != 1 || f.Properties["sendUserName"] != "bob" {
			t.Errorf("got %v", f)
		}
		p.quiet(t)
	})
}
