package chat

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

func TestMain(m *testing.M) {
	if socket := os.Getenv(inPane); socket != "" {
		chatInPane(socket)
		return
	}
	goleak.VerifyTestMain(m)
}

// typist is a pipe that looks like a terminal: it echoes typed lines with a prompt, so
// that transcripts read as a user would see them.
type typist struct {
	in  *io.PipeWriter
	out *output
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (ty typist) types(line string) {
	io.WriteString(ty.out, "> "+line+"\n")
	io.WriteString(ty.in, line+"\n")
	synctest.Wait()
}

// run chats in a bubble while script types, and returns what Run returned.
func run(t *testing.T, f *fake, h Searcher, script func(typist)) (string, error) {
	t.Helper()
	r, w := io.Pipe()
	out := new(output)
	done := make(chan error)
	go func() {
		done <- Run(t.Context(), Config{Client: f, History: h, In: r, Out: out, Zone: time.UTC})
	}()
	synctest.Wait()
	script(typist{w, out})
	err := <-done
	w.Close()
	return out.String(), err
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("transcript differs from %s (go test -update writes it):\n%s", path, got)
	}
}

func TestEveryCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, f, func(ty typist) {
			for _, line := range []string{
				"hello everyone", "7;;hi by id", "bob;;hi by name", ":smile: is no command", ";; is text too",
				"carol;;hi", "99;;hi", "bob;;", "",
				":all", ":olu", ":pu b", ":pu x", ":q tea", ":q coffee", ":q", ":emoji", ":emoji 2", ":emoji 0",
				":info", ":ai", "你是谁吗?", ":qai", ":what",
			} {
				ty.types(line)
			}
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "commands.txt", got)
		want := []client.Outgoing{
			{Group: 1, Text: "hello everyone"}, {To: 7, Text: "hi by id"}, {To: 7, Text: "hi by name"},
			{Group: 1, Text: ":smile: is no command"}, {Group: 1, Text: ";; is text too"},
		}
		if len(f.sent) != len(want) {
			t.Fatalf("sent %v", f.sent)
		}
		for n := range want {
			if f.sent[n] != want[n] {
				t.Errorf("sent %v, want %v", f.sent[n], want[n])
			}
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.sessions = []client.DeviceSession{
			{Device: "laptop", Connected: true, Since: 1700000000000, Login: 1700000000000, Network: "127.0.0.0/24", Own: true},
			{Device: "phone", Since: 1700000100000, Login: 1699990000000, Network: "192.0.2.0/24"},
			{Device: "script", Login: 1699980000000},
			{Device: "tablet", Connected: true, Since: 1700000200000, Login: 1699970000000},
		}
		got, err := run(t, f, nil, func(ty typist) {
			for _, line := range []string{":sessions", ":end", ":end phnoe", ":end phone", ":sessions", ":end others", ":sessions"} {
				ty.types(line)
			}
			synctest.Wait()
			f.refuse = proto.Err(proto.Unauthorized, "")
			ty.types(":end laptop")
			f.offline = true
			ty.types(":sessions")
			ty.types(":end phone")
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "sessions.txt", got)
	})
}

func TestPasswordIsChangedWithoutAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			for _, secrets := range []string{"wrong\nnext\nnext\n", "secret\nnext\nother\n", "\n", "secret\nnext\nnext\n"} {
				ty.types(":password")
				io.WriteString(ty.in, secrets)
				synctest.Wait()
			}
			ty.types(":password secret") // what is in the line was echoed
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "password.txt", got)
		if want := []string{"password to next"}; !slices.Equal(f.changed, want) {
			t.Errorf("changed %q, want %q", f.changed, want)
		}
	})
}

func TestShownMessagesAreMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			for _, line := range []string{":marks", ":marks on", "bob;;lunch :pizza:?", "bob;;\x1b[2Jtea?", "42;;a note", "g9;;friends", ":marks off", "bob;;hi"} {
				ty.types(line)
			}
			f.mu.Lock()
			lunch, tea := f.sent[0], f.sent[1]
			f.mu.Unlock()
			for _, d := range []client.Delivered{
				{ID: tea.ID, To: 8}, {ID: tea.ID, To: 7}, {ID: tea.ID, To: 7}, {ID: "another", To: 7}, {ID: lunch.ID, To: 7},
			} {
				f.events <- d
			}
			synctest.Wait()
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "marks.txt", got)
		for n, want := range []bool{true, true, false, false, false} {
			if m := f.sent[n]; m.Confirm != want || want != (m.ID != "") {
				t.Errorf("sent %+v", m)
			}
		}
	})
}

func TestDelayedMessagesAreListedAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			for _, line := range []string{
				":delayed", ":delay", ":delay soon", ":delay soon -1", ":delay soon 99999999999",
				":delay 7;;see you 30", ":delay good night 90000", ":delay 99;;hi 30", ":delay g9;;\x1b[2Jmeet :coffee: 60",
			} {
				ty.types(line)
			}
			f.delayed = append(f.delayed, client.Scheduled{ID: "other", Due: time.Now().UnixMilli(), To: 8, Text: "from my phone"})
			for _, line := range []string{":delayed", ":cancel", ":cancel 9", ":cancel x", ":cancel 1", ":cancel 1", ":cancel 4"} {
				ty.types(line)
			}
			f.dropped = []client.Scheduled{
				{ID: "d2", Due: time.Now().UnixMilli(), Code: proto.NotMember}, {ID: "old", Code: proto.UnknownUser},
			}
			ty.types(":delayed")
			f.offline = true
			ty.types(":delayed")
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "delayed.txt", got)
	})
}

func TestGroupsAreMadeJoinedAndLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			for _, line := range []string{
				":groups", ":group", ":group create our friends", ":groups", ":join g9", ":join 10", ":join", ":join x", ":members 9",
				":members 10", ":members our friends", "g9;;hello friends", "#our friends;;hello again", "g9;;", "gary;;hi", "#gary;;hi",
				":add #our friends;;bob", ":add 9;;43", ":add 9", ":add 9;;gary", ":remove our friends;;bob", ":remove 10;;bob",
				":role our friends;;bob admin", ":role our friends;;bob", ":role 10",
			} {
				ty.types(line)
			}
			f.groups = append(f.groups, client.Group{Group: 10, Name: "our friends", Members: 2, Role: proto.GroupMember})
			for _, line := range []string{":groups", "#our friends;;who?", ":leave 9", ":leave nobody", ":groups"} {
				ty.types(line)
			}
			f.refuse = proto.Err(proto.Invalid, "One user has at most 250 groups.")
			ty.types(":group create another")
			f.refuse, f.offline = nil, true
			ty.types(":groups")
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "groups.txt", got)
		if want := []client.Outgoing{{Group: 9, Text: "hello friends"}, {Group: 9, Text: "hello again"}}; !slices.Equal(f.sent, want) {
			t.Errorf("sent %v", f.sent)
		}
		if want := []string{"7 to 9", "43 to 9", "7 from 9", "7 is admin of 9"}; !slices.Equal(f.changed, want) {
			t.Errorf("changed %q", f.changed)
		}
	})
}

func TestWhatArrivesIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.groups = []client.Group{{Group: 9}, {Group: 10, Name: "fri\x1bends"}}
		at := time.Date(2000, 1, 1, 12, 3, 5, 0, time.UTC).UnixMilli()
		got, err := run(t, f, nil, func(ty typist) {
			for _, m := range []client.Message{
				{From: 7, FromName: "bob", Group: 1, Text: "hello :coffee:", Time: at},
				{From: 7, FromName: "bob", To: 42, Text: "你好", Time: at},
				{From: 42, FromName: "alice", To: 7, Text: "from my phone", Time: at},
				{From: 7, FromName: "bob", Group: 9, Text: "in a group", Time: at},
				{From: 7, FromName: "b\x1b[2Job", Group: 9, Kind: proto.Kind_JOIN, Time: at},
				{From: 42, FromName: "alice", Group: 9, Kind: proto.Kind_LEAVE, Time: at},
				{From: 42, FromName: "alice", Group: 10, Kind: proto.Kind_JOIN, By: 7, Time: at},
				{From: 7, FromName: "bob", Group: 10, Text: "in one with a name", Time: at},
				{From: 7, FromName: "bob", Group: 10, Kind: proto.Kind_LEAVE, By: 42, Time: at},
				{From: 42, FromName: "alice", Group: 10, Kind: proto.Kind_LEAVE, By: 7, Time: at},
				{From: 7, FromName: "b\x1b[2Job", Group: 1, Text: "two\r\n12:03:06 alice: lines\x1b]0;owned\a", Time: at},
			} {
				f.messages <- m
				synctest.Wait()
			}
			for _, e := range []client.Event{
				client.Disconnected{Err: errors.New("broken\x1b[2J pipe")},
				client.Disconnected{Err: client.ErrNoRoute, RetryIn: 1700 * time.Millisecond},
				client.Disconnected{Err: proto.Err(proto.Full, ""), RetryIn: time.Second},
				client.Connected{Node: proto.Node{ID: "node-2"}},
				client.Connected{Node: proto.Node{ID: "node-3"}, Moved: true},
				client.Trimmed{From: 3, To: 8},
			} {
				f.events <- e
				synctest.Wait()
			}
			ty.types(":q tea")
			close(f.stopped)
		})
		if !errors.Is(err, proto.Err(proto.Replaced, "")) {
			t.Errorf("run: %v", err)
		}
		golden(t, "arrivals.txt", got)
		if strings.ContainsRune(got, '\x1b') {
			t.Error("an escape came through")
		}
	})
}

func TestSlowSendIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.offline = true
		got, err := run(t, f, nil, func(ty typist) {
			ty.types("anybody?")
			time.Sleep(3 * time.Second)
			synctest.Wait()
			ty.types(":olu")
			ty.types(":info")
			ty.types(":q!") // waits a while for what was typed
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "offline.txt", got)
	})
}

func TestPipedLinesAreSentBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var out bytes.Buffer
		in := strings.NewReader("one\n:delay two 5\nbob;;three")
		if err := Run(t.Context(), Config{Client: f, In: in, Out: &out}); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, m := range f.sent {
			texts = append(texts, m.Text)
		}
		if got := strings.Join(texts, " "); got != "one three" || len(f.delayed) != 1 {
			t.Errorf("sent %s, and later %v", got, f.delayed)
		}
	})
}

func TestContextEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Run(ctx, Config{Client: newFake(), In: r, Out: io.Discard}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("run: %v", err)
		}
	})
}

func TestFailuresSayWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, _ := run(t, f, nil, func(ty typist) {
			for _, err := range []error{
				proto.Err(proto.TooLarge, ""), proto.Err(proto.NotMember, ""), proto.Err(proto.Invalid, "No\x1b way."),
				errors.New("odd"),
			} {
				f.mu.Lock()
				f.refuse = err
				f.mu.Unlock()
				ty.types("hi")
			}
			ty.types(":q!")
		})
		golden(t, "failures.txt", got)
	})
}
