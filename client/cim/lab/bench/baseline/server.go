package baseline

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/evloop"
	"github.com/cim-go/cim/proto"
)

// maxUser is the largest id of a user. Ids begin with 1.
const maxUser = 1 << 20

// server has the connections, and no other state.
type server struct {
	loop   *evloop.Loop
	users  []*evloop.Conn // by user; nil: the user is not connected
	answer []byte         // the answer to a login
	pong   []byte
	place  int64  // number of the group's last message
	push   []byte // the frame of the present message as it is forwarded
}

// Serve serves until ctx ends. It listens on a free port of this machine, and writes the
// address as a line to the Writer out.
func Serve(ctx context.Context, out io.Writer) error {
	s := &server{answer: benchwire.LoginAnswer(), pong: benchwire.Ping()}
	var err error
	if s.loop, err = evloop.New(s); err != nil {
		return err
	}
	defer s.loop.Close()
	at, err := s.loop.Listen(0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, at); err != nil {
		return fmt.Errorf("print the address: %w", err)
	}
	for ctx.Err() == nil {
		if err := s.loop.Poll(time.Second); err != nil {
			return err
		}
	}
	return nil
}

// Opened implements evloop.Events.
func (s *server) Opened(*evloop.Conn) {}

// Closed implements evloop.Events.
func (s *server) Closed(c *evloop.Conn, _ error) {
	if user, ok := c.Owner.(int64); ok && s.users[user] == c {
		s.users[user] = nil
	}
}

// Read implements evloop.Events.
func (s *server) Read(c *evloop.Conn, b []byte) (taken int) {
	for {
		body, n, err := proto.Split(b[taken:], proto.MaxFrame)
		if err == nil && n > 0 {
			err = s.frame(c, body)
		}
		if err != nil {
			c.Close()
			s.Closed(c, err)
			return len(b)
		}
		if n == 0 {
			return taken
		}
		taken += n
	}
}

func (s *server) frame(c *evloop.Conn, body []byte) error {
	h, err := benchwire.Parse(body)
	if err != nil {
		return err
	}
	switch h.Cmd {
	case proto.Command_LOGIN_REQUEST:
		if h.User < 0 || h.User > maxUser {
			return fmt.Errorf("user %d is not from 0 to %d", h.User, maxUser)
		}
		for int64(len(s.users)) <= h.User {
			s.users = append(s.users, nil)
		}
		c.Owner, s.users[h.User] = h.User, c
		c.Send(s.answer)
	case proto.Command_PING:
		c.Send(s.pong)
	case proto.Command_SEND:
		from, _ := c.Owner.(int64)
		s.pass(c, from, &h)
	}
	return nil
}

func (s *server) pass(c *evloop.Conn, from int64, h *benchwire.Head) {
	if h.To != 0 {
		s.push = benchwire.AppendPush(s.push[:0], h, from, 0)
		if h.To > 0 && h.To < int64(len(s.users)) && s.users[h.To] != nil {
			s.users[h.To].Send(s.push)
		}
		return
	}
	s.place++
	s.push = benchwire.AppendPush(s.push[:0], h, from, s.place)
	for _, member := range s.users {
		if member != nil && member != c {
			member.Send(s.push)
		}
	}
}
