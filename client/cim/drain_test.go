package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
)

// Every node of a cluster is drained and replaced, one after the other, while all users
// write to each other. No send fails, no message is lost, doubled or out of order, and
// every user has a connection.
func TestRollingDrainLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 3, Redis: "spawn", ZK: "spawn", ServerFlags: []string{"-drain-rate", strconv.Itoa(drainRate)}})
	registry := zooKeeper(t, cluster.ZK())
	within(t, 10*time.Second, "ZooKeeper lists three", func() bool { return listed(registry) == 3 })
	c := newCircle(t, cluster.RouteURLs(), drainUsers(t))
	c.start()
	for i, node := range cluster.Nodes() {
		held := len(online(t, node))
		begun := time.Now()
		if i == 1 {
			node.Stop(time.Minute)
		} else {
			t.Logf("cim drain %s:\n%s", node.ID, drainByCommand(t, cluster, node))
		}
		t.Logf("%s with %d users drained in %.1f s", node.ID, held, time.Since(begun).Seconds())
		if err := node.Err(); err != nil {
			t.Errorf("%s ended with %v", node.ID, err)
		}
		within(t, 10*time.Second, "ZooKeeper lists two", func() bool { return listed(registry) == 2 })
		if _, err := cluster.AddNode(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "ZooKeeper lists three again", func() bool { return listed(registry) == 3 })
	}
	c.finish()
}

// drainRate bounds the logins a second of the test: small enough that a node's
// users leave in several waves.
const drainRate = 50

// drainUsers is how many users the test has; CIM_TEST_USERS says otherwise.
func drainUsers(t *testing.T) int {
	t.Helper()
	s := os.Getenv("CIM_TEST_USERS")
	if s == "" {
		return 60
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func drainByCommand(t *testing.T, c *up.Cluster, n *up.Node) string {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cim", "drain", n.ID, "-route", c.RouteURLs()[0])
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("cim drain %s: %v\n%s", n.ID, err, out.String())
	}
	if !strings.Contains(out.String(), n.ID+" has left after ") {
		t.Errorf("cim drain %s said\n%s", n.ID, out.String())
	}
	return out.String()
}

// circle is users of whom each writes to the next one, numbers from 0.
type circle struct {
	t       *testing.T
	users   []*reader
	sent    []int64 // by user, accepted
	enough  chan struct{}
	writing sync.WaitGroup
	reading sync.WaitGroup

	mu          sync.Mutex
	failed      []error
	logins      []time.Time
	lost        []client.Disconnected
	longestSend time.Duration // until a burst was accepted
	latest      time.Duration // from accepted to shown
	longestGap  time.Duration // between two messages shown to a user
}

// circleRate is how many messages per second all users send together. Two shared cores
// carry that with the race detector in every process.
const circleRate = 400

// circleBurst is the messages that a user sends without waiting for answers.
const circleBurst = 4

func newCircle(t *testing.T, routes []string, n int) *circle {
	t.Helper()
	c := &circle{t: t, sent: make([]int64, n), enough: make(chan struct{})}
	t.Cleanup(c.leave)
	for i := range n {
		transport := []client.Transport{client.TCP, client.WebSocket}[i%2]
		r := &reader{Client: connectAs(t, client.Config{
			Routes: routes, Name: "circle-" + strconv.Itoa(i), Device: "test", Transport: transport,
		})}
		r.shown = c.note()
		c.users = append(c.users, r)
		c.reading.Go(r.read)
		c.reading.Go(func() { c.follow(r.Client) })
	}
	return c
}

func (c *circle) leave() {
	for _, r := range c.users {
		r.Close() // its error is always nil
	}
	c.reading.Wait()
}

// note returns what notes the times of one user's messages.
func (c *circle) note() func(client.Message) {
	var last time.Time
	return func(m client.Message) {
		now := time.Now()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.latest = max(c.latest, now.Sub(time.UnixMilli(m.Time)))
		if !last.IsZero() {
			c.longestGap = max(c.longestGap, now.Sub(last))
		}
		last = now
	}
}

// follow notes the connections that a user makes and loses.
func (c *circle) follow(cl *client.Client) {
	first := true
	for e := range cl.Events(context.Background()) {
		c.mu.Lock()
		switch e := e.(type) {
		case client.Connected:
			if !first {
				c.logins = append(c.logins, time.Now())
			}
			first = false
		case client.Disconnected:
			c.lost = append(c.lost, e)
		}
		c.mu.Unlock()
	}
}

// pause is how long a user waits from one burst to the next.
func (c *circle) pause() time.Duration {
	return time.Duration(len(c.users)) * circleBurst * time.Second / circleRate
}

func (c *circle) start() {
	for i := range c.users {
		c.writing.Go(func() { c.write(i) })
	}
}

func (c *circle) write(i int) {
	time.Sleep(c.pause() * time.Duration(i) / time.Duration(len(c.users))) // not all at once
	tick := time.NewTicker(c.pause())
	defer tick.Stop()
	for c.burst(i) {
		select {
		case <-c.enough:
			return
		case <-tick.C:
		}
	}
}

// burst has several messages unanswered at once: a move must neither lose one
// nor let a later one pass it. It reports whether all were accepted.
func (c *circle) burst(i int) bool {
	to := c.users[(i+1)%len(c.users)].Self().User
	begun := time.Now()
	var pending []*client.Pending
	for n := range int64(circleBurst) {
		text := strconv.FormatInt(c.sent[i]+n, 10)
		p, err := c.users[i].Enqueue(c.t.Context(), client.Outgoing{To: to, Text: text})
		if err != nil {
			c.fail(err)
			return false
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Wait(c.t.Context()); err != nil {
			c.fail(err)
			return false
		}
		c.sent[i]++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longestSend = max(c.longestSend, time.Since(begun))
	return true
}

func (c *circle) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, err)
}

// finish ends the writing and compares what was shown with what was accepted.
func (c *circle) finish() {
	c.t.Helper()
	close(c.enough)
	c.writing.Wait()
	within(c.t, 10*time.Second, "everybody is shown everything", func() bool {
		for i, sent := range c.sent {
			if c.users[(i+1)%len(c.users)].next.Load() < sent {
				return false
			}
		}
		return true
	})
	total := int64(0)
	for i, sent := range c.sent {
		receiver := c.users[(i+1)%len(c.users)]
		if why := receiver.broken.Load(); why != nil {
			c.t.Error(*why)
		}
		if n := receiver.next.Load(); n != sent {
			c.t.Errorf("user %d was shown %d messages of %d", receiver.Self().User, n, sent)
		}
		total += sent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.failed {
		c.t.Errorf("not accepted: %v", err)
	}
	for _, e := range c.lost {
		c.t.Errorf("somebody on %s was %v", e.Node.ID, e)
	}
	peak := peakOf(c.logins)
	c.t.Logf("%d users, %d messages accepted, all shown once and in order; %d moves, at most %d in a second",
		len(c.users), total, len(c.logins), peak)
	c.t.Logf("longest burst accepted after %v, longest from accepted to shown %v, longest gap between two messages to a user %v (bursts every %v)",
		c.longestSend.Round(time.Millisecond), c.latest, c.longestGap.Round(time.Millisecond), c.pause())
	if most := 2 * drainRate; peak > most {
		c.t.Errorf("%d logins in a second, want at most %d: the rate, and what a busy machine bunches", peak, most)
	}
}

// peakOf returns how many of the times lie within one second.
func peakOf(times []time.Time) (peak int) {
	slices.SortFunc(times, time.Time.Compare)
	for i, at := range times {
		end, _ := slices.BinarySearchFunc(times, at.Add(time.Second), time.Time.Compare)
		peak = max(peak, end-i)
	}
	return peak
}
