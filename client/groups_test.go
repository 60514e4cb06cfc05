package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

// joins makes alice a member of the group by an entry of its log, which is not
// pushed.
func (k *cluster) joins() proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.logs[room]
	if l == nil {
		l = &storedLog{epoch: 0xd}
		k.logs[room] = l
		l.append(room, proto.Message{ID: "genesis", Kind: proto.Kind_GENESIS})
	}
	l.left = 0
	m := l.append(room, proto.Message{ID: fmt.Sprint("join-", len(l.entries)), From: alice, FromName: "alice", Group: room, Kind: proto.Kind_JOIN, Text: "+alice"})
	l.joined = m.At.Number
	return m
}

// leaves ends alice's membership by an entry of the log, which is not pushed.
func (k *cluster) leaves() proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.logs[room]
	m := l.append(room, proto.Message{ID: fmt.Sprint("leave-", len(l.entries)), From: alice, FromName: "alice", Group: room, Kind: proto.Kind_LEAVE, Text: "-alice"})
	l.left = m.At.Number
	return m
}

// fill makes the group, with messages from before alice joins.
func (k *cluster) fill() {
	k.joins()
	k.store(room, "before her time")
	k.store(room, "this too")
}

func (k *cluster) pulled() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.pulls)
}

func TestGroupIsShownFromTheJoiningOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.fill()
		k.joins() // by another device, or by whoever invited her
		k.store(room, "one")
		c := connect(t, k.config())
		expect(t, c, "+alice", "one")
		k.say(room, "two")
		expect(t, c, "two")
		if m, err := c.SendMessage(t.Context(), Outgoing{Group: room, Text: "three"}); err != nil || m.At.Log != room {
			t.Errorf("sent to %v, %v", m.At, err)
		}
		k.say(room, "four")
		expect(t, c, "four")
	})
}

func TestGroupJoinedWhileConnectedIsShown(t *testing.T) {
	for name, tell := range map[string]func(*cluster, proto.Message){
		"the joining is pushed": func(k *cluster, m proto.Message) { k.push(m) },
		"the end is told":       func(k *cluster, _ proto.Message) { k.tellNewest() },
		"what follows is pushed": func(k *cluster, _ proto.Message) {
			k.say(room, "x")
			k.say(room, "y")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			c := connect(t, k.config())
			k.fill()
			synctest.Wait()
			pulls := k.pulled()
			tell(k, k.joins())
			expect(t, c, "+alice")
			if n := k.pulled() - pulls; n > 1 || n == 1 && name == "the joining is pushed" {
				t.Errorf("%s: %d pulls", name, n)
			}
			k.say(room, "last")
			for receive(c) != "last" {
				synctest.Wait()
			}
			c.Close()
		})
	}
}

func TestJoiningAgainMissesNothingThatWasHers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.fill()
		k.joins()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		expect(t, c, "+alice")
		k.say(room, "one")
		expect(t, c, "one")
		k.mu.Lock()
		k.logs[room].left = k.logs[room].newest(room).Number
		k.mu.Unlock()
		k.store(room, "not for her")
		k.tell(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: []*proto.Mark{{Log: room, Epoch: 0xd, Number: 99}}})
		k.say(proto.Inbox, "life goes on")
		expect(t, c, "life goes on")
		k.push(k.joins())
		k.say(room, "two")
		expect(t, c, "+alice", "two")
		time.Sleep(time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, e := range c.events {
			if _, ok := e.(Trimmed); ok {
				t.Errorf("told %v", e)
			}
		}
	})
}

// Alice is shown all messages that were written while she was a member, even if her
// client was away when she left.
func TestGroupLeftWhileAwayIsShownToItsEnd(t *testing.T) {
	tests := map[string]func(t *testing.T, k *cluster, c *Client, cfg Config) *Client{
		"the connection was lost": func(t *testing.T, k *cluster, c *Client, _ Config) *Client { return c },
		"the process had ended": func(t *testing.T, k *cluster, c *Client, cfg Config) *Client {
			k.mu.Lock()
			k.cursors = []proto.Position{k.logs[room].newest(room)}
			k.mu.Unlock()
			c.Close()
			return nil
		},
	}
	for name, away := range tests {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			k.fill()
			k.joins()
			cfg := k.config()
			cfg.History = history.NewMemory()
			c := connect(t, cfg)
			expect(t, c, "+alice")
			c = away(t, k, c, cfg)
			k.store(room, "one")
			k.leaves()
			k.store(room, "not for her")
			if c == nil {
				c = connect(t, cfg)
			} else {
				k.kick(proto.GoingAway)
			}
			for _, want := range []string{"one", "-alice"} {
				if got := receive(c); got != want {
					t.Errorf("%s: shown %q, want %q", name, got, want)
				}
			}
			pulls := k.pulled()
			k.kick(proto.GoingAway)
			k.say(proto.Inbox, "life goes on")
			expect(t, c, "life goes on")
			time.Sleep(time.Minute)
			if n := k.pulled() - pulls; n > 3 {
				t.Errorf("%s: %d pulls of what there is no more", name, n)
			}
			c.Close()
		})
	}
}

func TestGroupThatWasLeftIsAcknowledgedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.fill()
		c := connect(t, k.config())
		expect(t, c, "+alice", "before her time", "this too")
		k.push(k.leaves())
		expect(t, c, "-alice")
		k.say(proto.Inbox, "hi")
		expect(t, c, "hi")
		time.Sleep(2 * ackInterval)
		k.mu.Lock()
		defer k.mu.Unlock()
		if last := k.acks[len(k.acks)-1].cursors; len(last) == 0 || last[len(last)-1].Log == room {
			t.Errorf("acknowledged %v", last)
		}
	})
}

func TestGroupCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		ctx := t.Context()
		if g, err := c.CreateGroup(ctx, "friends", 1, 2); err != nil || g.Group != room || len(g.Missing) != 2 {
			t.Errorf("created %v, %v", g, err)
		}
		if err := c.JoinGroup(ctx, room); err != nil {
			t.Error(err)
		}
		if err := c.LeaveGroup(ctx, room); err != nil {
			t.Error(err)
		}
		if err := c.AddMember(ctx, room, bob); err != nil {
			t.Error(err)
		}
		if err := c.RemoveMember(ctx, room, bob); err != nil {
			t.Error(err)
		}
		if groups, err := c.Groups(ctx); err != nil || len(groups) != 1 || groups[0].Name != "friends" {
			t.Errorf("groups %v, %v", groups, err)
		}
		var members []int64
		for u, err := range c.GroupMembers(ctx, room) {
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, u.User)
		}
		if len(members) != 2 {
			t.Errorf("members %v", members)
		}
		for _, err := range c.GroupMembers(ctx, 10) {
			if codeOf(err) != proto.NotMember {
				t.Errorf("members of another group: %v", err)
			}
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return refuse(proto.UnknownGroup) })
		_, created := c.CreateGroup(ctx, "")
		_, listed := c.Groups(ctx)
		errs := []error{created, listed, c.JoinGroup(ctx, 10), c.LeaveGroup(ctx, 10), c.AddMember(ctx, 10, bob), c.RemoveMember(ctx, 10, bob)}
		for i, err := range errs {
			if codeOf(err) != proto.UnknownGroup {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

// The answer to a request that made a group is lost, and the client repeats the request
// for the same group.
func TestGroupIsCreatedOnceThoughAnswersAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		var requests []string
		k.setOnCall(func(path string, body []byte) *proto.ErrorAnswer {
			var in proto.CreateGroup
			if err := json.Unmarshal(body, &in); err != nil || path != proto.PathGroupCreate {
				return nil
			}
			switch requests = append(requests, in.ID); len(requests) {
			case 1:
				return &proto.ErrorAnswer{Name: "unreachable"}
			case 2:
				return refuse(proto.Unknown)
			}
			return nil
		})
		for _, want := range []int{3, 4} {
			if g, err := c.CreateGroup(t.Context(), "friends"); err != nil || g.Group != room || len(requests) != want {
				t.Errorf("created %v, %v with %q", g, err, requests)
			}
		}
		if !proto.ValidID(requests[0]) || requests[1] != requests[0] || requests[2] != requests[0] || requests[3] == requests[0] {
			t.Errorf("requests were %q", requests)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return &proto.ErrorAnswer{Name: "unreachable"} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.CreateGroup(ctx, ""); !errors.Is(err, ErrNoRoute) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a route: %v", err)
		}
	})
}
