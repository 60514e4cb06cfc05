package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn"
)

// A client that died before its first ping was never evicted.
func TestClientThatNeverPingsIsEvictedAndForgotten(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{node: func(c *node.Config) { c.Timeouts.PingEvery = time.Second }}) // silence is 3.3 s then
	dead, alive := s.connectCIM("alice"), s.connectCIM("bob")
	stop := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				alive.ping()
			}
		}
	})
	dead.ended(patience)
	eventually(t, "its record is closed", func() bool { return s.recorded(dead.user, "cim") == nil })
	close(stop)
	pinging.Wait()
	if s.recorded(alive.user, "cim") == nil {
		t.Error("the client that pings was evicted, too")
	}
}

// Anyone could log in as anyone. Where accounts have passwords, no frame gets a
// connection in that a route did not let in, and CIM's calls, which trust whatever
// id they are told, do not exist.
func TestNobodyLogsInAsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{
		route: func(c *routefn.Config) { c.Auth = routefn.AuthPassword },
		node:  func(c *node.Config) { c.CIM.Open = false },
	})
	secret := proto.RegisterRequest{Name: "alice", Password: "a secret"}
	var alice proto.RegisterAnswer
	if code := post(t, s.url+proto.PathRegister, "", secret, &alice); code != proto.OK {
		t.Fatal(code)
	}
	if code := post(t, s.url+proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "a guess"}, nil); code != proto.NameTaken {
		t.Errorf("her name with another password: %v", code)
	}
	if code := post(t, s.url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: "a guess", Device: "phone"}, nil); code != proto.WrongPassword {
		t.Errorf("login with another password: %v", code)
	}
	if status, _ := call(t, http.MethodPost, s.url+"/login", "", fmt.Appendf(nil, `{"userId":%d,"userName":"alice"}`, alice.User)); status != http.StatusNotFound {
		t.Errorf("CIM's login: %d", status)
	}
	dialCIM(t, s.nodes[0].member.Client, alice.User, "alice").ended(patience)

	var own proto.LoginAnswer
	if code := post(t, s.url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: "a secret", Device: "phone"}, &own); code != proto.OK {
		t.Fatal(code)
	}
	forged := own
	forged.Ticket = flipped(own.Ticket)
	if code := use(t, forged).kicked(); code != proto.BadTicket {
		t.Errorf("ticket with a flipped bit: %v", code)
	}
	for _, st := range s.nodes {
		if st.member.ID != own.Node.ID {
			elsewhere := own
			elsewhere.Node.Address = st.member.Client
			if code := use(t, elsewhere).kicked(); code != proto.WrongNode {
				t.Errorf("ticket at another node: %v", code)
			}
		}
		if n := st.Connections(); n != 0 {
			t.Errorf("%d strangers are on %s", n, st.member.ID)
		}
	}
	enter(t, own)
}

// flipped changes one bit in the middle of a ticket, which stays text.
func flipped(ticket string) string {
	b := []byte(ticket)
	b[len(b)/2] ^= 1
	return string(b)
}

// Frames had no size limit.
func TestLengthBuysNoMemory(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := s.connectCIM("alice")
	for _, length := range []uint64{math.MaxInt32, proto.MaxFrame + 1} {
		prefix := string(binary.AppendUvarint(nil, length))
		for _, first := range []string{string(cimBytes("bob", 1, cimLogin)), ""} {
			conn, err := net.Dial("tcp", s.nodes[0].member.Client)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(first + prefix)); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 100)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("frame of %d bytes: %d bytes, %v, want the end", length, n, err)
			}
		}
	}
	alice.quiet()
}

// CIM had no back-pressure: a client that did not read cost the server memory without
// end. Here it costs its queue, delays no other client, and misses nothing.
func TestSlowReaderDelaysNobodyAndMissesNothing(t *testing.T) {
	t.Parallel()
	const queue = 16 << 10
	s := newSystem(t, plan{nodes: 1, node: func(c *node.Config) {
		c.Limits.OutboxBytes, c.Clients = queue, smallBuffers{c.Clients, 4 << 10}
	}})
	routes := []string{s.url}
	alice, bob := connect(t, routes, "alice"), connect(t, routes, "bob")
	cimRegister(t, s.url, "carol")
	gate := make(chan struct{})
	carol, err := client.Connect(t.Context(), client.Config{Routes: routes, Name: "carol", Device: "test",
		Dial: func(ctx context.Context, n proto.Node) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.Address)
			if err != nil {
				return nil, err
			}
			return &stalled{Conn: conn, after: 200, gate: gate}, conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer carol.Close()
	const messages = 200
	var want []string
	for i := range messages {
		text := strconv.Itoa(i) + strings.Repeat(" ", 2000)
		want = append(want, text)
		if _, err := alice.SendEveryone(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if got := shown(t, bob, messages); !slices.Equal(got, want) {
		t.Errorf("bob, who reads, was not shown what was said")
	}
	if lagging := counter(t, s.nodes[0], "cim_node_drops_total", "lagging"); lagging == 0 {
		t.Error("nothing was kept from the queue of a reader that does not read")
	}
	close(gate)
	if got := shown(t, carol, messages); !slices.Equal(got, want) {
		t.Errorf("carol, who reads again, was not shown what was said")
	}
}

// smallBuffers keeps the kernel from holding what a node has written.
type smallBuffers struct {
	net.Listener
	size int // in bytes
}

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(l.size)
}

// stalled reads some bytes and then nothing more until gate is closed.
type stalled struct {
	net.Conn
	after int // owned by the reader
	gate  chan struct{}
}

func (c *stalled) Read(p []byte) (int, error) {
	if c.after <= 0 {
		<-c.gate
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.after)])
	c.after -= n
	return n, err
}

// counter returns a metric of a node that has a label with the value.
func counter(t *testing.T, st *station, name, label string) float64 {
	t.Helper()
	families, err := st.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %s", name, label)
	return 0
}
