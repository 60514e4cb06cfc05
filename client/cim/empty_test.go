package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// A store that comes back empty is filled again by the live processes. Routes agree on
// one key, whichever of them was first, and nodes learn it. Accounts keep their ids,
// and no client is told to stay away.
func TestStoreThatComesBackEmptyIsFilledAgain(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 1, Routes: 2, Redis: "spawn"})
	urls := cluster.RouteURLs()
	crowd := newCrowd(t, urls, 4, "chat")
	crowd.round()
	wait.Until(t, "everybody is shown the first message", crowd.caughtUp)
	var before []string // tokens of users without a connection
	for _, name := range []string{"alice", "bob"} {
		cfg := client.Config{Routes: urls, Name: name}
		if _, err := client.Register(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		before = append(before, login(t, urls[0], proto.LoginRequest{Name: name, Device: "phone"}).Token)
	}

	lives := cluster.Routes()[0] // and knows nothing of the loss until it goes on
	if err := lives.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Redis().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.RestartRoute(t.Context(), cluster.Routes()[1]); err != nil { // it makes another key
		t.Fatal(err)
	}
	if err := lives.Resume(); err != nil {
		t.Fatal(err)
	}
	crowd.round()
	wait.Within(t, 5*time.Second, "everybody is shown what was sent into the empty store", crowd.caughtUp)

	var all sync.WaitGroup
	for i, url := range urls {
		for n := range 4 {
			all.Go(func() {
				c := connectAs(t, client.Config{Routes: []string{url}, Name: fmt.Sprintf("new-%d-%d", i, n), Device: "test"})
				defer c.Close()
				if err := c.Err(); err != nil {
					t.Errorf("a newcomer by route %d: %v", i, err)
				}
			})
		}
		for path, body := range map[string]any{
			proto.PathPull: proto.PullMessages{},
			proto.PathSend: proto.SendMessage{ID: "m", To: crowd.writer.Self().User, Text: "from nobody's connection"},
		} {
			wait.Within(t, 5*time.Second, "a token of before is good at every route", func() bool {
				code := post(t, url+path, before[i], body, nil)
				if code != proto.OK && code.Retry() == proto.RetryNever {
					t.Fatalf("%s by route %d with a token of before: %v", path, i, code)
				}
				return code == proto.OK
			})
		}
	}
	all.Wait()

	if err := cluster.RestartNode(t.Context(), cluster.Nodes()[0]); err != nil { // and all come anew
		t.Fatal(err)
	}
	crowd.round()
	wait.Within(t, 5*time.Second, "everybody is shown what was sent after that", crowd.caughtUp)
	for _, r := range crowd.readers {
		if err := r.Err(); err != nil {
			t.Errorf("a client stopped: %v", err)
		}
	}
}
