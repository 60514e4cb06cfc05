#!/usr/bin/env bash
# A small gossip cluster notices a crash two to four times later than usual, for half a
# minute after other members have left it in order: just after a rollout.
#
# Versions   github.com/hashicorp/memberlist v0.7.0, DefaultLANConfig, Go 1.26
# Set-up     members on loopback; each says Leave before it ends, except one, which ends
#            without a word. Measured is when another one is told of it (NotifyLeave).
# Behaviour  two members                                                6.1 s
#            two, just after one guest had come and left                5.5 s
#            two, just after two guests had come and left              25.6 s
#            the same, 45 s after the guests had left                   6.7 s
#            three members                                              5.8 s
#            three, just after they had replaced three others          12.5 s
# A suspect gets a time that depends on the number of nodes. Members that left still count
# there for 30 s, though NumMembers leaves them out. With four nodes or more, two others
# have to confirm a suspicion. Without them it lasts up to six times as long, and in the
# pair there is nobody left to confirm.
# It matters to whoever computes from SuspicionMult how long a dead node goes on getting
# messages: new pods with new names double that time, and a pair needs 26 s.
#
# Needs: go. Loopback only. A minute.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// member is one node; gone has the names of those that it saw leave or fail.
type member struct {
	*memberlist.Memberlist
	gone chan string
}

func (*member) NotifyJoin(*memberlist.Node)      {}
func (*member) NotifyUpdate(*memberlist.Node)    {}
func (m *member) NotifyLeave(n *memberlist.Node) { m.gone <- n.Name }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func start(name string, peer *member) *member {
	m := &member{gone: make(chan string, 16)}
	c := memberlist.DefaultLANConfig()
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = name, "127.0.0.1", 0, 0
	c.LogOutput, c.Events = io.Discard, m
	m.Memberlist = must(memberlist.Create(c))
	if peer != nil {
		must(m.Join([]string{peer.LocalNode().Address()}))
	}
	return m
}

// sees waits until each of all counts n members.
func sees(n int, all ...*member) {
	for _, m := range all {
		for m.NumMembers() != n {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func leave(m *member) {
	must(0, m.Leave(time.Minute))
	must(0, m.Shutdown())
}

// crash ends m and returns the time until other is told of it.
func crash(m, other *member) time.Duration {
	name, begin := m.LocalNode().Name, time.Now()
	must(0, m.Shutdown())
	for <-other.gone != name {
	}
	return time.Since(begin)
}

func pair(guests int, pause time.Duration) time.Duration {
	alice := start("alice", nil)
	bob := start("bob", alice)
	sees(2, alice, bob)
	for i := range guests {
		guest := start(fmt.Sprint("guest-", i), alice)
		sees(3, alice, bob, guest)
		leave(guest)
		sees(2, alice, bob)
	}
	time.Sleep(pause)
	return crash(bob, alice)
}

func three(replaced bool) time.Duration {
	all := []*member{start("old-0", nil)}
	for i := 1; i < 3; i++ {
		all = append(all, start(fmt.Sprint("old-", i), all[0]))
	}
	sees(3, all...)
	for i := 0; replaced && i < 3; i++ {
		fresh := start(fmt.Sprint("new-", i), all[i])
		sees(4, append(all, fresh)...)
		leave(all[i])
		all[i] = fresh
		sees(3, all...)
	}
	return crash(all[0], all[1])
}

func main() {
	const second = time.Second
	cases := []struct {
		name        string
		run         func() time.Duration
		least, most time.Duration
	}{
		{"two", func() time.Duration { return pair(0, 0) }, 4 * second, 10 * second},
		{"two, one left", func() time.Duration { return pair(1, 0) }, 4 * second, 10 * second},
		{"two, two left", func() time.Duration { return pair(2, 0) }, 24 * second, 34 * second},
		{"two, two left long ago", func() time.Duration { return pair(2, 45*second) }, 4 * second, 10 * second},
		{"three", func() time.Duration { return three(false) }, 4 * second, 10 * second},
		{"three, three left", func() time.Duration { return three(true) }, 11 * second, 34 * second},
	}
	took := make([]time.Duration, len(cases))
	var running sync.WaitGroup
	for i, c := range cases {
		running.Go(func() { took[i] = c.run() })
	}
	running.Wait()
	changed := false
	for i, c := range cases {
		fmt.Printf("%-23s %4.1f s\n", c.name, took[i].Seconds())
		changed = changed || took[i] < c.least || took[i] > c.most
	}
	if changed {
		fmt.Println("this has changed")
		os.Exit(1)
	}
	fmt.Println("as described")
}
GO
cat >go.mod <<'MOD'
module example.com/rollout

go 1.26
MOD
go get github.com/hashicorp/memberlist@v0.7.0 >/dev/null 2>&1
go build -o rollout .
./rollout
