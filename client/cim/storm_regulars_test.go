package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// regulars are users who are in many groups of twenty, each in others than the neighbours.
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
	if err := c.confirmed(conn, l); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }() // until it is closed
	return conn, nil
}

// confirmed shows the ticket and waits for the answer to it.
func (c *regulars) confirmed(conn net.Conn, l proto.LoginAnswer) error {
	b, err := proto.AppendFrame(nil, &proto.Frame{Ticket: l.Ticket})
	if err != nil {
		return err
	}
	if _, err := conn.Write(b); err != nil {
		return err
	}
	go ping(conn)
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	for {
		f, err := proto.ReadFrame(in, 1<<20)
		switch {
		case err != nil:
			return err
		case f.Cmd == proto.Command_PING:
		case f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != groupsEach+2:
			return fmt.Errorf("the login was answered with %v, code %v, and %d logs", f.Cmd, proto.Code(f.Code), len(f.Newest))
		default:
			return conn.SetReadDeadline(time.Time{})
		}
	}
}

// ping says every ten seconds that the client is there, until the connection is closed.
func ping(conn net.Conn) {
	b, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_PING})
	for err == nil {
		time.Sleep(10 * time.Second)
		_, err = conn.Write(b)
	}
}

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
