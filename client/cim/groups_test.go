package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// listener keeps what a client is shown of one group: texts, and "+name" and
// "-name" for joinings and leavings.
type listener struct {
	*client.Client
	group int64

	mu    sync.Mutex
	shown []string
}

// follow reads until the client is closed, which the test's end does.
func follow(t *testing.T, c *client.Client, group int64) *listener {
	l := &listener{Client: c, group: group}
	var reading sync.WaitGroup
	reading.Go(l.read)
	t.Cleanup(func() {
		c.Close() // its error is always nil
		reading.Wait()
	})
	return l
}

func (l *listener) read() {
	for m, err := range l.Messages(context.Background()) {
		if err != nil {
			return
		}
		if m.Group != l.group {
			continue
		}
		text := m.Text
		switch m.Kind {
		case proto.Kind_JOIN:
			text = "+" + m.FromName
		case proto.Kind_LEAVE:
			text = "-" + m.FromName
		}
		l.mu.Lock()
		l.shown = append(l.shown, text)
		l.mu.Unlock()
	}
}

func (l *listener) sees() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.shown)
}

// saw waits until l was shown just this, in this order.
func (l *listener) saw(t *testing.T, want ...string) {
	t.Helper()
	what := func() string { return fmt.Sprintf("%s is shown %q, want %q", l.Self().Name, l.sees(), want) }
	begun := time.Now()
	for !slices.Equal(l.sees(), want) {
		if time.Since(begun) > patience {
			t.Fatal(what())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func say(t *testing.T, c *client.Client, group int64, text string) {
	t.Helper()
	if _, err := c.SendMessage(t.Context(), client.Outgoing{Group: group, Text: text}); err != nil {
		t.Fatalf("%s says %s: %v", c.Self().Name, text, err)
	}
}

// onEachNode connects clients until every node holds one of them.
func onEachNode(t *testing.T, cluster *up.Cluster, prefix string) []*client.Client {
	t.Helper()
	var list []*client.Client
	nodes := make(map[string]bool)
	for len(nodes) < len(cluster.Nodes()) {
		if len(list) == 40 {
			t.Fatalf("40 users are on %d nodes", len(nodes))
		}
		c := connect(t, cluster.RouteURLs(), prefix+"-"+strconv.Itoa(len(list)))
		nodes[c.State().Node.ID] = true
		list = append(list, c)
	}
	return list
}

// told is an entry of a group's log.
type told struct{ by, text string }

// shownTo returns what a user is shown of the entries: texts of their own are not.
func shownTo(name string, entries []told) []string {
	var list []string
	for _, e := range entries {
		if e.by != name {
			list = append(list, e.text)
		}
	}
	return list
}

// A group has members on all nodes. One is away and pulls later. Two leave, one of them
// not on purpose, and see no message that is written afterwards.
func TestGroupAcrossNodes(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 3, Redis: "spawn", Routes: 2})
	alice, bob := connect(t, cluster.RouteURLs(), "alice"), connect(t, cluster.RouteURLs(), "bob")
	carol, err := client.Register(t.Context(), client.Config{Routes: cluster.RouteURLs(), Name: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	created, err := alice.CreateGroup(t.Context(), "friends", bob.Self().User, carol.User)
	if err != nil || len(created.Missing) != 0 {
		t.Fatalf("create: %+v, %v", created, err)
	}
	g := created.Group
	story, bobJoins, carolJoins := []told{{text: "+alice"}, {text: "+bob"}, {text: "+carol"}}, 1, 2
	if carol.User < bob.Self().User { // the invited join by ascending id
		story[1], story[2], bobJoins, carolJoins = story[2], story[1], 2, 1
	}
	says := func(c *client.Client, text string) {
		t.Helper()
		say(t, c, g, text)
		story = append(story, told{c.Self().Name, text})
	}
	alices, bobs := follow(t, alice, g), follow(t, bob, g)
	var others []*listener
	var begins []int // of each in the story
	for _, c := range onEachNode(t, cluster, "member") {
		if err := c.JoinGroup(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		begins = append(begins, len(story))
		story = append(story, told{text: "+" + c.Self().Name})
		others = append(others, follow(t, c, g))
		says(alice, "welcome "+c.Self().Name)
	}
	says(bob, "hello")
	says(others[0].Client, "hello to you")
	if err := bob.LeaveGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	story = append(story, told{text: "-bob"})
	end := len(story)
	says(alice, "bob is gone")
	says(others[len(others)-1].Client, "a secret")
	if _, err := bob.SendMessage(t.Context(), client.Outgoing{Group: g, Text: "let me in"}); !errors.Is(err, proto.Err(proto.NotMember, "")) {
		t.Errorf("bob sends: %v", err)
	}
	if groups, err := bob.Groups(t.Context()); err != nil || len(groups) != 0 {
		t.Errorf("bob's groups are %v, %v", groups, err)
	}
	out := others[0]
	if err := others[1].RemoveMember(t.Context(), g, out.Self().User); !errors.Is(err, proto.Err(proto.NotCreator, "")) {
		t.Errorf("another member removes: %v", err)
	}
	if err := alice.RemoveMember(t.Context(), g, out.Self().User); err != nil {
		t.Fatal(err)
	}
	story = append(story, told{text: "-" + out.Self().Name})
	removal := len(story)
	says(alice, "and we are fewer")
	if err := out.JoinGroup(t.Context(), g); !errors.Is(err, proto.Err(proto.Removed, "")) {
		t.Errorf("who was removed joins: %v", err)
	}

	late := follow(t, connect(t, cluster.RouteURLs(), "carol"), g)
	late.saw(t, shownTo("carol", story[carolJoins:])...)
	says(late.Client, "I am late")
	out.saw(t, shownTo(out.Self().Name, story[begins[0]:removal])...)
	for i, l := range others[1:] {
		l.saw(t, shownTo(l.Self().Name, story[begins[i+1]:])...)
	}
	alices.saw(t, shownTo("alice", story)...)
	bobs.saw(t, shownTo("bob", story[bobJoins:end])...)
}

// A group has ten thousand members, and some hundred of them are connected to three
// nodes. Each is shown all messages in order. A message costs at most one request per
// node. Members that come later pull it.
func TestLargeGroupIsPushedOnceANode(t *testing.T) {
	members, connected, messages := 10_000, 300, 30
	if raceEnabled {
		members, connected = 1_000, 60
	}
	cluster := startCluster(t, up.Config{Nodes: 3, Redis: "spawn"})
	writer := connect(t, cluster.RouteURLs(), "writer")
	users := registerMany(t, cluster, members-1)
	g := createMany(t, cluster, writer, users)
	absent := users[len(users)-connected-1]
	users = users[len(users)-connected:]
	listeners := make([]*listener, connected)
	nodes := make(map[string]int)
	for i := range listeners {
		c := connect(t, cluster.RouteURLs(), users[i].Name)
		nodes[c.State().Node.ID]++
		listeners[i] = follow(t, c, g)
	}
	if len(nodes) != 3 {
		t.Fatalf("members are on %v", nodes)
	}
	ready := "ready"
	say(t, writer, g, ready)
	caughtUp := func(text string) func() bool {
		return func() bool {
			return !slices.ContainsFunc(listeners, func(l *listener) bool {
				shown := l.sees()
				return len(shown) == 0 || shown[len(shown)-1] != text
			})
		}
	}
	within(t, 30*time.Second, "everybody is shown the first message", caughtUp(ready))
	want := []string{ready}
	begun, before := time.Now(), pushRequests(t, cluster)
	for i := range messages {
		want = append(want, strconv.Itoa(i))
		say(t, writer, g, want[i+1])
		within(t, 30*time.Second, "everybody is shown message "+want[i+1], caughtUp(want[i+1]))
	}
	t.Logf("%d messages to %d members, %d of them connected to %v: %v", messages, members, connected, nodes, time.Since(begun))
	// Each message was shown to all before the next was sent, so each took at least one
	// request per node. If all together took no more, each took exactly that.
	least, requests := messages*len(nodes), 0
	within(t, 10*time.Second, "the last requests are counted", func() bool {
		requests = pushRequests(t, cluster) - before
		return requests >= least
	})
	if requests > least {
		t.Errorf("%d requests for %d messages and %d nodes", requests, messages, len(nodes))
	}
	late := follow(t, connect(t, cluster.RouteURLs(), absent.Name), g)
	within(t, 30*time.Second, "who was absent is shown the last message", func() bool {
		shown := late.sees()
		return len(shown) > 0 && shown[len(shown)-1] == want[messages]
	})
	for _, l := range append(listeners, late) {
		shown := l.sees()
		if from := slices.Index(shown, ready); from < 0 || !slices.Equal(shown[from:], want) {
			t.Errorf("%s is shown %q", l.Self().Name, shown)
		}
	}
	total := 0
	for _, err := range writer.GroupMembers(t.Context(), g) {
		if err != nil {
			t.Fatal(err)
		}
		total++
	}
	if total != members {
		t.Errorf("%d members are listed", total)
	}
}

// registerMany makes accounts in the store itself: over HTTP it would take longer.
// Their ids are of times that lie apart, or most would be taken already.
func registerMany(t *testing.T, cluster *up.Cluster, n int) []record.Account {
	t.Helper()
	var calls atomic.Int64
	store := openStore(t, cluster, func() time.Time { return time.UnixMilli(1_600_000_000_000 + 100*calls.Add(1)) })
	list := make([]record.Account, n)
	var all sync.WaitGroup
	const at = 16 // a time
	for part := range at {
		all.Go(func() {
			for i := part; i < n; i += at {
				var err error
				if list[i], _, err = store.Register(t.Context(), "member-"+strconv.Itoa(i), ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return list
}

// createMany makes a group of all users, in the given order. It invites as many as
// allowed, and the others join. The last ones read few joinings. A joining costs the
// store as much in a large group as in a small one.
func createMany(t *testing.T, cluster *up.Cluster, writer *client.Client, users []record.Account) int64 {
	t.Helper()
	invited := make([]int64, proto.MaxInvited)
	for i := range invited {
		invited[i] = users[i].User
	}
	begun := time.Now()
	created, err := writer.CreateGroup(t.Context(), "many", invited...)
	if err != nil || len(created.Missing) != 0 {
		t.Fatalf("created %+v, %v", created, err)
	}
	creating := time.Since(begun)
	joinMany(t, cluster, created.Group, users[len(invited):])
	joining := time.Since(begun) - creating
	t.Logf("created with %d members in %v, %d more joined in %v", len(invited), creating, len(users)-len(invited), joining)
	if creating > 5*time.Second || joining > 20*time.Second {
		t.Error("which is too long")
	}
	return created.Group
}

func joinMany(t *testing.T, cluster *up.Cluster, group int64, users []record.Account) {
	t.Helper()
	changes := make([]record.Change, len(users))
	for i, u := range users {
		changes[i] = record.Change{User: u.User, Name: u.Name, Group: group}
	}
	for _, c := range openStore(t, cluster, nil).ChangeGroups(t.Context(), changes) {
		if c.Err != nil {
			t.Fatal(c.Err)
		}
	}
}

func openStore(t *testing.T, cluster *up.Cluster, now func() time.Time) *record.Store {
	t.Helper()
	store, err := record.Dial(t.Context(), record.Config{URL: cluster.Store(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() }) // only reads and writes that were answered
	return store
}

// pushRequests is how many requests the routes made to nodes, by their metrics.
func pushRequests(t *testing.T, cluster *up.Cluster) (n int) {
	t.Helper()
	for _, url := range cluster.RouteURLs() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+proto.PathMetrics, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			if value, ok := strings.CutPrefix(lines.Text(), "cim_route_push_seconds_count "); ok {
				count, err := strconv.Atoi(value)
				if err != nil {
					t.Fatal(err)
				}
				n += count
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
