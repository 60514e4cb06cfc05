package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record"
)

// Storms: many who come back at once.

func long() bool { return os.Getenv("CIM_TEST_LONG") != "" }

// each runs f for 0 to n-1, at most so many at a time.
func each(n, at int, f func(i int)) {
	var all sync.WaitGroup
	room := make(chan struct{}, at)
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			f(i)
		})
	}
	all.Wait()
}

// regulars are users who are in many groups of twenty, each in others than his neighbours.
type regulars struct {
	t     *testing.T
	s     *system
	store *rawStore
	names []string
	http  *http.Client
	node  *pipes // where they connect: without sockets, of which a process has too few
}

const (
	groupsEach = 250
	groupOf    = 20
)

// newRegulars registers users and writes their groups down. The number of users is a
// multiple of groupOf.
func newRegulars(t *testing.T, s *system, url string, users int) *regulars {
	t.Helper()
	c := &regulars{t: t, s: s, store: dialStore(t, url)}
	c.http = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 2000, MaxIdleConnsPerHost: 2000}}
	t.Cleanup(c.http.CloseIdleConnections)
	ids := make([]int64, users)
	for i := range users {
		c.names = append(c.names, fmt.Sprint("user", i))
	}
	each(users, 64, func(i int) {
		a, _, err := s.store.Register(t.Context(), c.names[i], "")
		if err != nil {
			t.Error(err)
		}
		ids[i] = a.User
	})
	per := users / groupOf
	members := make([][]int64, per*groupsEach)
	groups := make([][]string, users)
	for j := range groupsEach {
		for i := range users {
			g := j*per + (i+j*7)%users/groupOf
			members[g] = append(members[g], ids[i])
			groups[i] = append(groups[i], strconv.Itoa(1000+g))
		}
	}
	for g, list := range members {
		key := fmt.Sprintf("cim:{g%d}:", 1000+g)
		made := []string{"hset", key + "h", "epoch", "00000000000000ab", "base", "0"}
		listed := []string{"zadd", key + "m"} // or it is a group without members, which is deleted
		for _, user := range list {
			made = append(made, fmt.Sprint("m:", user), "1 0 1 0")
			listed = append(listed, strconv.FormatInt(user, 10), "user")
		}
		c.store.queue("rpush", key+"l", "0:genesis\n\x20\x01")
		c.store.queue(made...)
		c.store.queue(listed...)
	}
	for i, id := range ids {
		c.store.queue("hset", fmt.Sprintf("cim:{%d}:h", id), "groups", strings.Join(groups[i], "\n"), "version", "1")
	}
	c.store.flush()
	return c
}

// rawStore speaks to a store beside the door, to prepare it and to look at it.
type rawStore struct {
	t      *testing.T
	conn   net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	queued int
}

func dialStore(t *testing.T, url string) *rawStore {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawStore{t: t, conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
}

// queue writes a command whose answer does not matter unless it is an error.
func (r *rawStore) queue(words ...string) {
	r.t.Helper()
	fmt.Fprintf(r.out, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(r.out, "$%d\r\n%s\r\n", len(word), word)
	}
	if r.queued++; r.queued == 1000 {
		r.flush()
	}
}

// flush waits for the answers and returns the last one.
func (r *rawStore) flush() (last string) {
	r.t.Helper()
	if err := r.out.Flush(); err != nil {
		r.t.Fatal(err)
	}
	for ; r.queued > 0; r.queued-- {
		line, err := r.in.ReadString('\n')
		if err != nil || line[0] == '-' {
			r.t.Fatalf("the store answered %q, %v", line, err)
		}
		if last = line; line[0] != '$' {
			continue
		}
		size, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil {
			r.t.Fatal(err)
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(r.in, text); err != nil {
			r.t.Fatal(err)
		}
		last = string(text)
	}
	return last
}

// cpu is what the store has worked.
func (c *regulars) cpu() (spent time.Duration) {
	c.t.Helper()
	c.store.queue("info", "cpu")
	for line := range strings.Lines(c.store.flush()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			spent += time.Duration(seconds * float64(time.Second))
		}
	}
	return spent
}

// comes logs all in and connects them, so many at a time, and returns what the store
// worked for it, and how long it took.
func (c *regulars) comes(at int) (cpu, took time.Duration) {
	c.t.Helper()
	before, begun := c.cpu(), time.Now()
	var conns sync.Map
	each(len(c.names), at, func(i int) {
		conn, err := c.connect(c.names[i])
		if err != nil {
			c.t.Errorf("%s: %v", c.names[i], err)
			return
		}
		conns.Store(i, conn)
	})
	cpu, took = c.cpu()-before, time.Since(begun)
	conns.Range(func(_, conn any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
	return cpu, took
}

// connect is what a client does, without reading what is in the logs.
func (c *regulars) connect(name string) (net.Conn, error) {
	for refused := range 3 {
		l, again, err := c.login(name, refused)
		if err != nil {
			return nil, err
		}
		if again == 0 {
			return c.enter(l)
		}
		time.Sleep(again)
	}
	return nil, errors.New("told to come again more than twice")
}

// login returns a ticket, or when to come again.
func (c *regulars) login(name string, refused int) (l proto.LoginAnswer, again time.Duration, err error) {
	body := strings.NewReader(fmt.Sprintf(`{"name":%q,"device":"phone"}`, name))
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.s.url+proto.PathLogin, body)
	if err != nil {
		return l, 0, err
	}
	r.Header.Set(proto.HeaderRefused, strconv.Itoa(refused))
	answer, err := c.http.Do(r)
	if err != nil {
		return l, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusTooManyRequests {
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		return l, time.Duration(seconds) * time.Second, err
	}
	return l, 0, json.NewDecoder(answer.Body).Decode(&l)
}

func (c *regulars) enter(l proto.LoginAnswer) (net.Conn, error) {
	conn, err := c.node.dial()
	if err != nil {
		return nil, err
	}
	b, err := proto.AppendFrame(nil, &proto.Frame{Ticket: l.Ticket})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return nil, err
	}
	f, err := proto.ReadFrame(bufio.NewReader(conn), 1<<20)
	if err != nil {
		return nil, err
	}
	if f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != groupsEach+2 {
		return nil, fmt.Errorf("the login was answered with %v, code %v, and %d logs", f.Cmd, proto.Code(f.Code), len(f.Newest))
	}
	return conn, nil
}

// Users with 250 groups each come back to a node at once. All get in, and the store does
// not work more for it than when they come one after the other.
func TestCrowdWithManyGroupsGetsIn(t *testing.T) {
	users := []int{100}
	if long() {
		users = []int{1000, 10_000}
	}
	spent := make([]time.Duration, len(users))
	for i, n := range users {
		url := realRedis(t)
		s := newSystem(t, plan{nodes: 1, store: url})
		c := newRegulars(t, s, url, n)
		alice := connect(t, []string{s.url}, "alice")
		c.moves()
		talk := talkBeside(t, alice)
		alone, _ := c.comes(fewAtATime)
		talk()
		c.moves()
		talk = talkBeside(t, alice)
		cpu, took := c.comes(n)
		p99 := talk()
		spent[i] = cpu
		t.Logf("%d users of %d groups: %v of the store, %.2f times what they take %d at a time (%v), within %v; a sender's p99 %v",
			n, groupsEach, cpu, float64(cpu)/float64(alone), fewAtATime, alone, took, p99)
		if cpu > 4*alone {
			t.Error("the store worked more than four times as much")
		}
		if long() && p99 > time.Second {
			t.Error("who was connected waited")
		}
	}
	if long() && spent[1] > 11*spent[0] {
		t.Errorf("ten times as many took the store %.1f times as long", float64(spent[1])/float64(spent[0]))
	}
}

const fewAtATime = 4

// moves has all go to a new node, which holds no group.
func (c *regulars) moves() {
	c.t.Helper()
	c.node = newPipes(c.t)
	st := c.s.addNode(func(config *node.Config) { config.Clients = c.node })
	c.s.table.Set([]ring.Member{st.member})
}

// pipes is a listener whose connections are pipes in memory.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes(t *testing.T) *pipes {
	p := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accept <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accept:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// talkBeside has a connected user send a message every 20 ms until the returned function
// is called, which tells for how long the senders of a hundred waited at most, but one.
func talkBeside(t *testing.T, alice *client.Client) (p99 func() time.Duration) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- took
				return
			case <-time.After(20 * time.Millisecond):
			}
			begun := time.Now()
			if _, err := alice.Send(t.Context(), alice.Self().User, strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
			took = append(took, time.Since(begun))
		}
	}()
	return func() time.Duration {
		close(stop)
		took := <-done
		slices.Sort(took)
		return took[len(took)*99/100]
	}
}

// slowStore is a way to a store on which it does so many operations a second at most: a
// command, or a transaction of several, is one.
type slowStore struct {
	to   string
	each atomic.Int64 // ns an operation takes

	mu   sync.Mutex
	free time.Time
}

// newSlowStore listens until the test ends.
func newSlowStore(t *testing.T, to string) (s *slowStore, url string) {
	t.Helper()
	l := listen(t)
	s = &slowStore{to: strings.TrimPrefix(to, "redis://")}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.carry(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s, "redis://" + l.Addr().String()
}

func (s *slowStore) carry(conn net.Conn) {
	defer conn.Close()
	store, err := net.Dial("tcp", s.to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, store); conn.Close() })
	defer back.Wait()
	defer store.Close()
	in, inside := bufio.NewReaderSize(conn, 64<<10), false
	for {
		var all []byte
		ops := 0
		for len(all) == 0 || in.Buffered() > 0 { // a server does all that it has read before it turns to others
			command, raw, err := readCommand(in)
			if err != nil {
				return
			}
			switch command {
			case "multi":
				inside = true
			case "exec":
				inside = false
			}
			if !inside && command != "hello" && command != "client" {
				ops++
			}
			all = append(all, raw...)
		}
		s.take(ops)
		if _, err := store.Write(all); err != nil {
			return
		}
	}
}

// take waits until the store has done so many more.
func (s *slowStore) take(ops int) {
	s.mu.Lock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Duration(ops) * time.Duration(s.each.Load()))
	until := s.free
	s.mu.Unlock()
	time.Sleep(time.Until(until))
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) (command string, raw []byte, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return "", nil, err
	}
	raw = append(raw, line...)
	n, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	if err != nil {
		return "", nil, err
	}
	for i := range n {
		if line, err = in.ReadBytes('\n'); err != nil {
			return "", nil, err
		}
		raw = append(raw, line...)
		size, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
		if err != nil {
			return "", nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return "", nil, err
		}
		if raw = append(raw, text...); i == 0 {
			command = strings.ToLower(string(text[:size]))
		}
	}
	return command, raw, nil
}

// refusals counts how often logins were told to come again.
type refusals struct{ n atomic.Int64 }

func (r *refusals) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err == nil && q.URL.Path == proto.PathLogin && answer.StatusCode == http.StatusTooManyRequests {
		r.n.Add(1)
	}
	return answer, err
}

// Clients for whom 5,000 messages wait each come back at once, to a store that does 200
// operations a second. Logins are before all that there is to read: all are connected as
// soon as the store can do that, and each is told to come again twice at most.
func TestCrowdWithABacklogConnectsToASlowStore(t *testing.T) {
	users, waiting := 20, 500
	if long() {
		users, waiting = 2000, 5000
	}
	const persecond = 200
	redis := realRedis(t)
	slow, url := newSlowStore(t, redis)
	s := newSystem(t, plan{nodes: 1, store: url})
	backlog(t, s, redis, users, waiting)
	slow.each.Store(int64(time.Second / persecond))
	begun := time.Now()
	took, told := make([]time.Duration, users), make([]refusals, users)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	clients := make([]*client.Client, users)
	each(users, users, func(i int) {
		c, err := client.Connect(ctx, client.Config{
			Routes: []string{s.url}, Name: fmt.Sprint("user", i), Device: "phone", HTTP: &http.Client{Transport: &told[i]},
		})
		if err != nil {
			t.Errorf("user %d: %v", i, err)
			return
		}
		clients[i], took[i] = c, time.Since(begun)
	})
	slow.each.Store(0)
	for _, c := range clients {
		if c != nil {
			c.Close()
		}
	}
	most := int64(0)
	for i := range told {
		most = max(most, told[i].n.Load())
	}
	slices.Sort(took)
	t.Logf("%d clients with %d messages each and a store of %d operations a second: half are connected after %v, all after %v; told to come again %d times at most",
		users, waiting, persecond, took[users/2], took[users-1], most)
	if most > 2 {
		t.Error("somebody was told to come again more than twice")
	}
	if long() && took[users-1] > time.Minute {
		t.Error("it took more than a minute")
	}
}

// backlog registers users, each of whom has a phone that has read nothing yet of so many
// messages.
func backlog(t *testing.T, s *system, url string, users, messages int) {
	t.Helper()
	store := dialStore(t, url)
	ids := make([]int64, users)
	for i := range users {
		a, _, err := s.store.Register(t.Context(), fmt.Sprint("user", i), "")
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = a.User
	}
	inbox := func(user int64, key string) string { return fmt.Sprintf("cim:{%d}:%s", user, key) }
	for begun := 0; begun < messages; begun += 500 {
		list := make([]record.Message, min(500, messages-begun))
		for i := range list {
			list[i] = record.Message{From: ids[1], To: ids[0], ID: strconv.Itoa(begun + i), Text: "while you were away"}
		}
		for _, a := range s.store.Append(t.Context(), list) {
			if a.Err != nil {
				t.Fatal(a.Err)
			}
		}
	}
	for i, user := range ids { // the sender's own log, too
		if i == 0 {
			continue
		}
		for _, key := range []string{"l", "h"} {
			store.queue("copy", inbox(ids[0], key), inbox(user, key), "replace")
		}
	}
	store.flush()
}
