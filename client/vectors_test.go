package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
	"github.com/cim-go/cim/proto/vectors"
)

// rule is a case of proto/vectors, whose README.md says what its fields mean.
type rule struct{ vectors.Case }

func (r rule) spot(e vectors.Entry) proto.Position {
	return proto.Position{Log: r.Log, Epoch: proto.Epoch(e.Epoch), Number: e.Number, Key: e.Key}
}

func (r rule) spots(list ...vectors.Entry) (all []proto.Position) {
	for _, e := range list {
		all = append(all, r.spot(e))
	}
	return all
}

func (r rule) page(p *vectors.Page) proto.PulledMessages {
	out := proto.PulledMessages{Oldest: p.Oldest, Newest: r.spot(p.Newest), Through: r.spot(p.End())}
	for _, e := range p.Messages {
		out.Messages = append(out.Messages, r.message(e))
	}
	out.Epoch = out.Through.Epoch
	return out
}

func (r rule) message(e vectors.Entry) proto.Message {
	from, id, err := proto.ParseKey(e.Key)
	if err != nil {
		panic(err)
	}
	m := proto.Message{
		ID: id, From: from, FromName: fmt.Sprint("user ", from), Text: "text", Time: 1, At: r.spot(e),
		Kind: map[string]proto.Kind{"join": proto.Kind_JOIN, "leave": proto.Kind_LEAVE, "hidden": 99}[e.Kind],
	}
	if r.Log == proto.Inbox {
		m.To = alice
	} else {
		m.Group = r.Log
	}
	return m
}

// pullOutcome is a page or a refusal.
type pullOutcome struct {
	page    proto.PulledMessages
	refused *proto.ErrorAnswer
}

// judge is a cluster that plays a rule. It answers logins and pulls as the steps say,
// and records the requests.
type judge struct {
	*cluster
	rule rule

	login *proto.Frame
	under chan pullOutcome // the answer to the pull under way

	mu    sync.Mutex
	asked []proto.Position
	shown []string
}

func (j *judge) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != proto.PathPull {
		return j.cluster.RoundTrip(r)
	}
	var in proto.PullMessages
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	j.mu.Lock()
	j.asked = append(j.asked, in.After)
	j.mu.Unlock()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case outcome := <-j.under:
		status, body := http.StatusOK, any(outcome.page)
		if outcome.refused != nil {
			status, body = outcome.refused.Code.HTTPStatus(), outcome.refused
		}
		b, err := json.Marshal(body)
		return &http.Response{StatusCode: status, Header: make(http.Header), Body: io.NopCloser(bytes.NewReader(b)), Request: r}, err
	}
}

func (j *judge) answer(t *testing.T, outcome pullOutcome) {
	t.Helper()
	select {
	case j.under <- outcome:
	default:
		t.Fatal("no pull is under way")
	}
}

// note collects what the client shows.
func (j *judge) note(ctx context.Context, c *Client) {
	for {
		m, err := c.Receive(ctx)
		if err != nil {
			return
		}
		j.mu.Lock()
		j.shown = append(j.shown, m.Key())
		j.mu.Unlock()
	}
}

// logIn has the client log in, for the first time or again.
func (j *judge) logIn(t *testing.T, c *Client, cfg Config, login vectors.Login) *Client {
	j.login = &proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: 1, PingSeconds: 10,
		Newest: proto.Marks(j.rule.spots(login.Newest...)), Cursors: proto.Marks(j.rule.spots(login.Cursors...)),
	}
	if c == nil {
		c = connect(t, cfg)
		go j.note(t.Context(), c)
		return c
	}
	j.kick(proto.Unavailable)
	time.Sleep(5 * time.Second) // until it is back
	return c
}

// play plays one rule with a Client.
func (r rule) play(t *testing.T) {
	j := &judge{cluster: newCluster(), rule: r, under: make(chan pullOutcome)}
	j.onLogin = func(s *session) *proto.Frame {
		j.live = append(j.live, s)
		return j.login
	}
	cfg, h := j.config(), history.NewMemory()
	cfg.HTTP, cfg.History = &http.Client{Transport: j}, h
	for _, s := range r.Known {
		m := r.message(s)
		h.Append(r.spot(s), &m)
	}
	var c *Client
	if r.Steps[0].Login == nil {
		c = j.logIn(t, c, cfg, vectors.Login{})
	}
	for i, step := range r.Steps {
		j.mu.Lock()
		j.asked, j.shown = nil, nil
		j.mu.Unlock()
		switch {
		case step.Login != nil:
			c = j.logIn(t, c, cfg, *step.Login)
		case step.Push != nil:
			m := r.message(*step.Push)
			m.Prev = step.Prev
			j.push(m)
		case step.Newest != nil:
			j.tell(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: proto.Marks(r.spots(*step.Newest))})
		case step.Page != nil:
			j.answer(t, pullOutcome{page: r.page(step.Page)})
		case step.Refused != "":
			codes := map[string]proto.Code{"diverged": proto.Diverged, "not-member": proto.NotMember}
			j.answer(t, pullOutcome{refused: refuse(codes[step.Refused])})
		case step.Wait:
			time.Sleep(4 * order.EarlyWait * time.Millisecond)
		}
		synctest.Wait()
		var pulls []proto.Position
		if step.Pull != nil {
			pulls = r.spots(*step.Pull)
		}
		j.mu.Lock()
		shown, asked := j.shown, j.asked
		j.mu.Unlock()
		if !slices.Equal(shown, step.Show) || !slices.Equal(asked, pulls) {
			t.Fatalf("step %d: shown %q, want %q; pulls behind %v, want %v", i+1, shown, step.Show, asked, pulls)
		}
		if step.At == nil {
			continue
		}
		if stands := h.Positions(r.Log); len(stands) == 0 || stands[0] != r.spot(*step.At) {
			t.Fatalf("step %d: stands at %v, want %v", i+1, stands, r.spot(*step.At))
		}
	}
}

func TestClientFollowsTheRulesOfOrder(t *testing.T) {
	for _, c := range vectors.Of(t, "client") {
		t.Run(c.Name, func(t *testing.T) { synctest.Test(t, rule{c}.play) })
	}
}
