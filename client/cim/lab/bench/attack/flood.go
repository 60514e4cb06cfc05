package attack

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

const (
	floodText  = 128 // bytes of a flooder's message
	floodBatch = 16  // messages in a write at full speed
	floodEvery = tick
	// posters is how many connections to the route a flooder has.
	posters = 8
)

// flood is a connection on which a flooder sends without waiting for answers.
type flood struct {
	conn    net.Conn
	message func(number int) []byte
	rate    float64 // messages per second; zero: as fast as the other end accepts them
	counter *counter
}

func (g *generator) floodAll(ctx context.Context) error {
	if g.Flooder == nil {
		return nil
	}
	first, err := g.enter(ctx, g.Flooder.Ticket)
	if err != nil {
		return fmt.Errorf("log the flooder in: %w", err)
	}
	g.all.Go(func() { g.floodNode(ctx, first) })
	tag := benchwire.NewTag()
	for i := range posters {
		conn, err := connect(ctx, g.Route)
		if err != nil {
			return fmt.Errorf("connect the flooder: %w", err)
		}
		f := &flood{conn, func(n int) []byte { return g.post(fmt.Sprintf("%s-%d-%d", tag[:], i, n)) }, g.Flooder.PostRate / posters, &g.posts}
		g.all.Go(func() { f.send(ctx) })
		g.all.Go(func() { countAnswers(conn, &g.posts) })
	}
	return nil
}

// floodNode floods the node until ctx ends. If the node ends the connection, floodNode
// logs in again.
func (g *generator) floodNode(ctx context.Context, l *line) {
	letter := benchwire.NewLetter(benchwire.NewTag(), g.Flooder.To, 0, floodText)
	for token := g.Flooder.Token; ctx.Err() == nil; {
		var reader sync.WaitGroup
		reader.Go(func() { countFrames(l.in, &g.flood) })
		f := &flood{l.conn, letter.Frame, g.Flooder.Rate, &g.flood}
		f.send(ctx)
		reader.Wait()
		for retry.Sleep(ctx, tick) {
			var next string
			var err error
			if l, next, err = g.again(ctx, token); err == nil {
				token = cmp.Or(next, token)
				break
			}
			g.flood.end("not logged in")
		}
	}
}

// again gets another ticket by the token, and connects. It returns the token for the next
// call. That token is empty if the route gave none.
func (g *generator) again(ctx context.Context, token string) (l *line, next string, err error) {
	body, err := json.Marshal(proto.LoginRequest{Token: token, Device: g.Flooder.Device})
	if err != nil {
		return nil, "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.Route+proto.PathLogin, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	var admitted proto.LoginAnswer
	if err := json.NewDecoder(answer.Body).Decode(&admitted); err != nil {
		return nil, "", err
	}
	l, err = g.enter(ctx, admitted.Ticket)
	return l, admitted.Token, err
}

// connect returns a connection that ends with ctx.
func connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := dialer(nil).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// enter logs the flooder in at the node. A sink lets everybody in.
func (g *generator) enter(ctx context.Context, ticket string) (*line, error) {
	conn, err := connect(ctx, g.Node)
	if err != nil {
		return nil, err
	}
	l := &line{conn, bufio.NewReaderSize(conn, 64<<10)}
	if _, err := conn.Write(benchwire.Login(g.Flooder.User, ticket)); err != nil || g.Sink {
		return l, err
	}
	answer, err := proto.ReadFrame(l.in, proto.MaxFrame)
	if err != nil {
		return nil, err
	}
	if answer.Cmd != proto.Command_LOGIN_ANSWER || answer.Code != 0 {
		return nil, fmt.Errorf("the answer is %v: %v %s", answer.Cmd, proto.Code(answer.Code), answer.ReqMsg)
	}
	return l, nil
}

// line is a connection to the node.
type line struct {
	conn net.Conn
	in   *bufio.Reader
}

// post returns a request to send a message with the given id.
func (g *generator) post(id string) []byte {
	body, err := json.Marshal(proto.SendMessage{ID: id, To: g.Flooder.To, Text: strings.Repeat("x", floodText)})
	if err != nil {
		panic(err) // only texts that are not UTF-8 fail, and all texts here are UTF-8
	}
	return request(proto.PathSend, "Authorization: Bearer "+g.Flooder.PostToken+"\r\n", body)
}

// send sends until ctx or the connection ends.
func (f *flood) send(ctx context.Context) {
	begun, sent := time.Now(), 0
	for at := begun; retry.Sleep(ctx, time.Until(at)); {
		n := floodBatch
		if f.rate > 0 {
			at = at.Add(floodEvery)
			n = int(at.Sub(begun).Seconds()*f.rate) - sent
		}
		var b []byte
		for i := range n {
			b = append(b, f.message(sent+i)...)
		}
		sent += n
		if _, err := f.conn.Write(b); err != nil {
			f.counter.end("closed")
			return
		}
		f.counter.try(int64(n))
	}
}

// countFrames counts a node's answers until the connection ends.
func countFrames(in *bufio.Reader, c *counter) {
	for {
		answer, err := proto.ReadFrame(in, proto.MaxFrame)
		switch {
		case err != nil:
			return
		case answer.Cmd == proto.Command_SEND_ANSWER:
			c.end(proto.Code(answer.Code).String())
		case answer.Cmd == proto.Command_KICK:
			c.end("kicked: " + proto.Code(answer.Code).String())
		}
	}
}
