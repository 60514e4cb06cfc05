//go:build linux

package loadclients

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// node answers each connection's frames with what answer says, until the test
// ends.
func node(t *testing.T, answer func(f *proto.Frame) []byte) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, answer)
	return listener.Addr().String()
}

func serve(t *testing.T, listener net.Listener, answer func(f *proto.Frame) []byte) {
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					f, err := proto.ReadFrame(in, proto.MaxFrame)
					if err != nil {
						return
					}
					b := answer(f)
					if b == nil {
						return
					}
					if _, err := conn.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
}

func seats(address string, n int) []Seat {
	list := make([]Seat, n)
	for i := range list {
		list[i] = Seat{User: int64(i + 1), Address: address}
	}
	return list
}

// heard notes the frames of one client.
type heard struct {
	pool *Pool
	ids  []string
}

func (h *heard) Read(c *Client, b []byte) int {
	return h.pool.Frame(c, b, func(_ *Client, head *benchwire.Head, _ []byte) error {
		h.ids = append(h.ids, string(head.ID))
		return nil
	})
}

func start(t *testing.T) *heard {
	t.Helper()
	h := new(heard)
	var err error
	if h.pool, err = New(h, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.pool.Close)
	return h
}

// A frame right behind the answer to the login is not lost.
func TestClientsComeInAndHear(t *testing.T) {
	push, err := proto.AppendFrame(benchwire.LoginAnswer(), &proto.Frame{Cmd: proto.Command_MESSAGE, Id: "first"})
	if err != nil {
		t.Fatal(err)
	}
	h := start(t)
	address := node(t, func(*proto.Frame) []byte { return push })
	if err := h.pool.Connect(t.Context(), seats(address, 20), 3); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.ids, " "); got != strings.TrimSpace(strings.Repeat("first ", 20)) {
		t.Errorf("heard %q", got)
	}
	if n := h.pool.Opening().Count(); n != 20 {
		t.Errorf("%d openings were timed", n)
	}
}

// A client that is refused, sent away or cut off ends the measurement: it would
// measure something else.
func TestAClientThatIsLostFailsThePool(t *testing.T) {
	frame := func(f *proto.Frame) []byte {
		b, err := proto.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for want, answer := range map[string][]byte{
		"full": frame(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Full)}),
		"kicked: replaced": append(benchwire.LoginAnswer(),
			frame(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Replaced)})...),
		"user 1 is lost: EOF": nil,
		"decoded":             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		h := start(t)
		address := node(t, func(*proto.Frame) []byte { return answer })
		ctx := wait.Context(t)
		err := h.pool.Connect(ctx, seats(address, 1), 1)
		for err == nil {
			err = h.pool.Poll(ctx, time.Second)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

// Pings are spread: none is early, and each client has its turn.
func TestPingsGoRound(t *testing.T) {
	h := start(t)
	address := node(t, func(*proto.Frame) []byte { return benchwire.LoginAnswer() })
	if err := h.pool.Connect(t.Context(), seats(address, 4), 4); err != nil {
		t.Fatal(err)
	}
	s := h.pool
	s.pingNext, s.pinged = 0, 0
	if wait := s.pingDue(); s.pinged != 0 || wait > pingEvery/4 {
		t.Fatalf("%d pinged at once, the next after %v", s.pinged, wait)
	}
	s.pingNext -= pingEvery + pingEvery/8 // as if so long had passed
	s.pingDue()
	if s.pinged != 4 {
		t.Errorf("%d pings in the time of 4.5", s.pinged)
	}
}

// Nodes end connections that are silent, and thousands of logins take longer than that.
func TestClientsPingWhileOthersConnect(t *testing.T) {
	pings := make(chan int64, 10)
	h := start(t)
	address := node(t, func(f *proto.Frame) []byte {
		switch {
		case f.Cmd == proto.Command_PING:
			pings <- 1
			return benchwire.Ping()
		case f.RequestId == 2:
			<-t.Context().Done() // this one does not come in
			return nil
		}
		return benchwire.LoginAnswer()
	})
	if err := h.pool.Connect(t.Context(), seats(address, 1), 1); err != nil {
		t.Fatal(err)
	}
	if err := h.pool.dial(seats(address, 2)[1]); err != nil {
		t.Fatal(err)
	}
	h.pool.pingNext = h.pool.Now() // as if time had passed
	for ctx := wait.Context(t); len(pings) == 0; {
		if err := h.pool.Poll(ctx, time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}
