package loadclients

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/evloop"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
)

// pingEvery is how often each client pings, as the nodes ask clients to.
const pingEvery = 10 * time.Second

// Traffic handles what the clients receive after their login.
type Traffic interface {
	// Read gets the bytes that came for a client. It returns how many bytes it takes. It
	// takes only whole frames (see Frame).
	Read(c *Client, b []byte) (taken int)
}

// Seat is what a client needs to log in at a node.
type Seat struct {
	User    int64
	Address string // host:port of its node
	Ticket  string // empty: the server needs none

	// TLS makes the client speak TLS. The certificate must be valid for the host in
	// Address. nil: plain.
	TLS *tls.Config
}

// Client is one connection.
type Client struct {
	User  int64
	Index int // in the order of connecting, from 0

	conn   *evloop.Conn
	secure *secure // nil: the connection is plain
	socket bool    // WebSocket
	state  state
	since  time.Duration // when the client began to connect
}

// state says how far the login of a client has come.
type state uint8

const (
	upgrading state = iota // the client waits for the answer that opens the WebSocket
	logging                // the client waits for the login's answer
	open
)

// Send sends a frame, with its length, at the end of the round.
func (c *Client) Send(frame []byte) {
	if c.socket {
		frame = benchwire.Socket(frame)
	}
	c.write(frame)
}

func (c *Client) write(b []byte) {
	if c.secure != nil {
		c.secure.send(b)
		return
	}
	c.conn.Send(b)
}

// Pool has the clients. Only one goroutine may use it.
type Pool struct {
	// Set by New.
	loop    *evloop.Loop
	traffic Traffic
	socket  bool // WebSocket
	begun   time.Time
	ping    []byte
	plain   []byte // buffer for the bytes that TLS decrypts; nil: no client speaks TLS

	clients  []*Client
	opened   int
	failed   error // the error of the first client that was lost
	opening  *procstat.Histogram
	pinged   int           // how many turns of clients to ping there were
	pingNext time.Duration // when the next turn is; zero: no client is connecting yet
}

// New returns a pool without clients, which will connect by TCP or by WebSocket.
// Close ends it.
func New(traffic Traffic, socket bool) (*Pool, error) {
	s := &Pool{traffic: traffic, socket: socket, begun: time.Now(), ping: benchwire.Ping(), opening: new(procstat.Histogram)}
	var err error
	s.loop, err = evloop.New(s)
	return s, err
}

// Now returns the time since the pool was made. All times of a Pool are by this clock.
func (s *Pool) Now() time.Duration { return time.Since(s.begun) }

// Clients returns all clients that were connected, by their indices.
func (s *Pool) Clients() []*Client { return s.clients }

// Opening returns how long the clients took to connect and log in.
func (s *Pool) Opening() *procstat.Histogram { return s.opening }

// Connect connects clients. The parameter atOnce is the largest number of clients that it
// connects at a time. It returns when all are logged in, when a client fails, or when ctx
// ends.
func (s *Pool) Connect(ctx context.Context, seats []Seat, atOnce int) error {
	want := s.opened + len(seats)
	for s.opened < want {
		for len(seats) > 0 && len(s.clients)-s.opened < atOnce {
			if err := s.dial(seats[0]); err != nil {
				return err
			}
			seats = seats[1:]
		}
		if err := s.Poll(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (s *Pool) dial(seat Seat) error {
	c := &Client{User: seat.User, Index: len(s.clients), socket: s.socket, state: logging, since: s.Now()}
	var err error
	if c.conn, err = s.loop.Dial(seat.Address, c); err != nil {
		return err
	}
	if seat.TLS != nil {
		if s.plain == nil {
			s.plain = make([]byte, 0, plainSize)
		}
		c.secure = newSecure(c.conn, named(seat.TLS, seat.Address))
	}
	if s.socket {
		c.state = upgrading
		c.write(benchwire.Upgrade(seat.Address))
	}
	c.Send(benchwire.Login(seat.User, seat.Ticket)) // the login follows the request at once; the node reads it after it has answered the request
	s.clients = append(s.clients, c)
	return nil
}

// plainSize is how many decrypted bytes a client gets at a time. One read of a plain
// connection takes the same number.
const plainSize = 256 << 10

// named returns a configuration that checks the name of a server at an address.
func named(config *tls.Config, address string) *tls.Config {
	host, _, _ := net.SplitHostPort(address) // Dial has taken the address
	if config.ServerName == host {
		return config
	}
	config = config.Clone()
	config.ServerName = host
	return config
}

// Poll writes what waits to be written. Then it waits until something happens, and handles
// that. The parameter wait is the longest time for which it waits. Poll returns an error
// if a client was lost or ctx ends.
func (s *Pool) Poll(ctx context.Context, wait time.Duration) error {
	if err := s.loop.Poll(min(wait, s.pingDue())); err != nil {
		return err
	}
	if s.failed != nil {
		return s.failed
	}
	return ctx.Err()
}

// pingDue sends the pings that are due, and returns the time until the next one. The
// clients ping in turn, and each of them once in pingEvery. While some clients are
// connecting, the others ping twice as often. The reason is that there will be more
// clients before their next turn.
func (s *Pool) pingDue() time.Duration {
	n := len(s.clients)
	if n == 0 {
		return pingEvery
	}
	step, now := pingEvery/time.Duration(n), s.Now()
	if s.opened < n {
		step /= 2
	}
	if s.pingNext == 0 {
		s.pingNext = now + step
	}
	for ; s.pingNext <= now; s.pingNext += step {
		if c := s.clients[s.pinged%n]; c.state == open {
			c.Send(s.ping)
		}
		s.pinged++
	}
	return s.pingNext - now
}

// Close closes all connections. Close twice is fine.
func (s *Pool) Close() {
	for _, c := range s.clients {
		if c.secure != nil {
			c.secure.end()
		}
	}
	s.loop.Close()
}

// Opened implements evloop.Events.
func (s *Pool) Opened(*evloop.Conn) {}

// Closed implements evloop.Events.
func (s *Pool) Closed(conn *evloop.Conn, err error) {
	if s.failed == nil {
		c := conn.Owner.(*Client)
		s.failed = fmt.Errorf("the connection of user %d is lost: %w", c.User, err)
	}
}

// Read implements evloop.Events.
func (s *Pool) Read(conn *evloop.Conn, b []byte) (taken int) {
	c := conn.Owner.(*Client)
	if c.secure == nil {
		return s.clear(c, b)
	}
	err := c.secure.open(b, s.plain, func(b []byte) int { return s.clear(c, b) })
	if err != nil && s.failed == nil {
		s.fail(c, err)
	}
	return len(b)
}

// clear reads bytes of a client that came without encryption, or are already decrypted.
func (s *Pool) clear(c *Client, b []byte) (taken int) {
	if c.state == upgrading {
		n, err := benchwire.Upgraded(b)
		if err != nil {
			s.fail(c, err)
		}
		if n == 0 {
			return 0
		}
		c.state, taken = logging, n
	}
	if c.state == logging {
		n, err := s.welcome(c, b[taken:])
		if err != nil {
			s.fail(c, err)
		}
		taken += n
	}
	if c.state != open || taken == len(b) {
		return taken
	}
	return taken + s.traffic.Read(c, b[taken:])
}

// welcome reads the answer to the login from the beginning of b.
func (s *Pool) welcome(c *Client, b []byte) (taken int, err error) {
	body, taken, err := s.split(b)
	if err != nil || taken == 0 {
		return 0, err
	}
	var f proto.Frame
	if err := f.Unmarshal(body); err != nil {
		return 0, err
	}
	if f.Cmd != proto.Command_LOGIN_ANSWER || f.Code != 0 {
		return 0, fmt.Errorf("the answer to the login is %v: %v %s", f.Cmd, proto.Code(f.Code), f.ReqMsg)
	}
	c.state = open
	s.opened++
	s.opening.Record(s.Now() - c.since)
	return taken, nil
}

func (s *Pool) split(b []byte) (body []byte, taken int, err error) {
	if s.socket {
		return benchwire.SplitSocket(b)
	}
	return proto.Split(b, proto.MaxFrame)
}

// Take handles a message, or an answer to one. The parameter whole is the frame with its
// length. The memory of h and whole belongs to the pool.
type Take func(c *Client, h *benchwire.Head, whole []byte) error

// Frame reads one frame from the beginning of b. If the frame is a message or the answer
// to one, Frame passes it to the function take. If the result is zero, more bytes are
// needed. The pool fails if the function take returns an error, if the frame cannot be
// read, or if the frame sends the client away.
func (s *Pool) Frame(c *Client, b []byte, take Take) (taken int) {
	body, taken, err := s.split(b)
	if err == nil && taken > 0 {
		err = s.judge(c, body, b[:taken], take)
	}
	if err != nil {
		s.fail(c, err)
		return len(b)
	}
	return taken
}

// Frames reads all whole frames in b, one by one, as Frame does. It returns how many bytes
// the frames have.
func (s *Pool) Frames(c *Client, b []byte, take Take) (taken int) {
	for taken < len(b) {
		n := s.Frame(c, b[taken:], take)
		if n == 0 {
			break
		}
		taken += n
	}
	return taken
}

func (s *Pool) judge(c *Client, body, whole []byte, take Take) error {
	h, err := benchwire.Parse(body)
	if err != nil {
		return err
	}
	switch h.Cmd {
	case proto.Command_KICK:
		return fmt.Errorf("kicked: %v %s", h.Code, h.Text)
	case proto.Command_MESSAGE, proto.Command_SEND_ANSWER:
		return take(c, &h, whole)
	}
	return nil // other frames are pings and reports of the ends of logs, and the numbers of messages show those ends, too
}

func (s *Pool) fail(c *Client, err error) {
	c.conn.Close()
	s.Closed(c.conn, err)
}

// Idle is the traffic of clients that send and expect nothing.
type Idle struct{}

// Read implements Traffic. It drops everything.
func (Idle) Read(_ *Client, b []byte) int { return len(b) }
