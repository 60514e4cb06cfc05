package chat

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a client that is connected, knows bob, and answers as it is told.
type fake struct {
	messages chan client.Message
	events   chan client.Event
	stopped  chan struct{}

	mu      sync.Mutex
	sent    []client.Outgoing
	refuse  error
	offline bool
	online  client.Page
	groups  []client.Group
	changed []string // members added and removed

	delayed []client.Scheduled
	dropped []client.Scheduled
}

func newFake() *fake {
	return &fake{
		messages: make(chan client.Message), events: make(chan client.Event), stopped: make(chan struct{}),
		online: client.Page{Users: []client.User{{User: 7, Name: "bob"}, {User: 42, Name: "alice"}}, Total: 2},
	}
}

func (f *fake) Self() client.User { return client.User{User: 42, Name: "alice"} }
func (f *fake) Device() string    { return "laptop" }

func (f *fake) State() client.State {
	if f.offline {
		return client.State{Err: client.ErrNoRoute}
	}
	return client.State{Node: proto.Node{ID: "node-1", Address: "127.0.0.1:11211"}}
}

func (f *fake) SendMessage(ctx context.Context, m client.Outgoing) (client.Receipt, error) {
	if f.offline {
		<-ctx.Done()
		return client.Receipt{}, errors.Join(client.ErrOutcomeUnknown, ctx.Err())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.To == 99 {
		return client.Receipt{}, proto.Err(proto.UnknownUser, "")
	}
	if f.refuse != nil {
		return client.Receipt{}, f.refuse
	}
	f.sent = append(f.sent, m)
	return client.Receipt{}, nil
}

func (f *fake) Receive(ctx context.Context) (client.Message, error) {
	select {
	case m := <-f.messages:
		return m, nil
	case <-f.stopped:
		return client.Message{}, proto.Err(proto.Replaced, "")
	case <-ctx.Done():
		return client.Message{}, ctx.Err()
	}
}

func (f *fake) Event(ctx context.Context) (client.Event, error) {
	select {
	case e := <-f.events:
		return e, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fake) OnlinePage(_ context.Context, prefix string, _ int64, _ int) (client.Page, error) {
	if f.offline {
		return client.Page{}, client.ErrNoRoute
	}
	page := f.online
	page.Users = nil
	for _, u := range f.online.Users {
		if strings.HasPrefix(u.Name, prefix) {
			page.Users = append(page.Users, u)
		}
	}
	return page, nil
}

func (f *fake) UserByName(_ context.Context, name string) (client.User, error) {
	if name != "bob" {
		return client.User{}, proto.Err(proto.UnknownUser, "")
	}
	return client.User{User: 7, Name: "bob"}, nil
}

func (f *fake) ScheduleAfter(_ context.Context, m client.Outgoing, delay time.Duration) (client.Scheduled, error) {
	if m.To == 99 {
		return client.Scheduled{}, proto.Err(proto.UnknownUser, "")
	}
	s := client.Scheduled{
		ID: fmt.Sprint("d", len(f.delayed)), State: proto.StatePending, Due: time.Now().Add(delay).UnixMilli(),
		To: m.To, Group: m.Group, Text: m.Text,
	}
	f.delayed = append(f.delayed, s)
	return s, nil
}

func (f *fake) ScheduledPage(context.Context, string, int) (client.ScheduledPage, error) {
	if f.offline {
		return client.ScheduledPage{}, client.ErrNoRoute
	}
	return client.ScheduledPage{Messages: f.delayed, Dropped: f.dropped}, nil
}

func (f *fake) CancelScheduled(_ context.Context, id string) error {
	i := slices.IndexFunc(f.delayed, func(s client.Scheduled) bool { return s.ID == id })
	if i < 0 {
		return proto.Err(proto.TooLate, "")
	}
	f.delayed = slices.Delete(f.delayed, i, i+1)
	return nil
}

func (f *fake) CreateGroup(_ context.Context, name string, _ ...int64) (client.CreatedGroup, error) {
	if f.refuse != nil {
		return client.CreatedGroup{}, f.refuse
	}
	f.groups = append(f.groups, client.Group{Group: 9, Name: name, Members: 1, Creator: 42})
	return client.CreatedGroup{Group: 9}, nil
}

func (f *fake) JoinGroup(_ context.Context, group int64) error {
	if group != 9 {
		return proto.Err(proto.UnknownGroup, "")
	}
	return nil
}

func (f *fake) LeaveGroup(_ context.Context, group int64) error {
	f.groups = nil
	return nil
}

func (f *fake) AddMember(_ context.Context, group, user int64) error {
	f.changed = append(f.changed, fmt.Sprintf("%d to %d", user, group))
	return nil
}

func (f *fake) RemoveMember(_ context.Context, group, user int64) error {
	if group != 9 {
		return proto.Err(proto.NotCreator, "")
	}
	f.changed = append(f.changed, fmt.Sprintf("%d from %d", user, group))
	return nil
}

func (f *fake) Groups(context.Context) ([]client.Group, error) {
	if f.offline {
		return nil, client.ErrNoRoute
	}
	return f.groups, nil
}

func (f *fake) GroupMembersPage(_ context.Context, group, _ int64, _ int) (client.MembersPage, error) {
	if group != 9 {
		return client.MembersPage{}, proto.Err(proto.NotMember, "")
	}
	return client.MembersPage{Users: f.online.Users, Next: 42, Total: 3}, nil
}

func (f *fake) Search(word string, _ int) ([]client.Message, error) {
	if word != "tea" {
		return nil, nil
	}
	return []client.Message{
		{From: 7, FromName: "bob", To: 42, Text: "tea?", Time: 1700000000000},
		{From: 42, FromName: "alice", To: 7, Text: "tea!", Time: 1700000001000},
	}, nil
}

// typist is a terminal without one: what is typed is echoed with a prompt, so
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
			} {
				ty.types(line)
			}
			f.groups = append(f.groups, client.Group{Group: 10, Name: "our friends", Members: 2})
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
		if want := []string{"7 to 9", "43 to 9", "7 from 9"}; !slices.Equal(f.changed, want) {
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
