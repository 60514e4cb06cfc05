package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

// rule is a case of proto/vectors, whose README.md says what its fields mean.
type rule struct {
	Name  string
	For   []string
	Log   int64
	Known []string
	Steps []struct {
		Login  *struct{ Newest, Cursors []string }
		Push   string
		Prev   string
		Newest string
		Page   *struct {
			Oldest   int64
			Newest   string
			Messages []string
			Through  string
		}
		Refused string
		Wait    bool

		Show []string
		Pull string
		At   string
	}
}

// spot reads a position.
func (r rule) spot(s string) proto.Position {
	place, _, _ := strings.Cut(s, " ")
	part := strings.Split(place, "/")
	if len(part) != 3 {
		return proto.Position{Log: r.Log}
	}
	epoch, err := strconv.ParseUint(part[0], 16, 64)
	number, err2 := strconv.ParseInt(part[1], 10, 64)
	if err != nil || err2 != nil {
		panic("position " + s)
	}
	return proto.Position{Log: r.Log, Epoch: proto.Epoch(epoch), Number: number, Key: part[2]}
}

func (r rule) spots(list []string) (all []proto.Position) {
	for _, s := range list {
		all = append(all, r.spot(s))
	}
	return all
}

func (r rule) page(oldest int64, newest string, messages []string, through string) proto.PulledMessages {
	p := proto.PulledMessages{Oldest: oldest, Newest: r.spot(newest)}
	for _, s := range messages {
		p.Messages = append(p.Messages, r.message(s))
		p.Through = r.spot(s)
	}
	if through != "" {
		p.Through = r.spot(through)
	}
	p.Epoch = p.Through.Epoch
	return p
}

// message reads an entry.
func (r rule) message(s string) proto.Message {
	at := r.spot(s)
	from, id, _ := strings.Cut(at.Key, ":")
	user, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		panic("entry " + s)
	}
	_, kind, _ := strings.Cut(s, " ")
	m := proto.Message{
		ID: id, From: user, FromName: "user " + from, Text: "text", Time: 1, At: at,
		Kind: map[string]proto.Kind{"join": proto.Kind_JOIN, "leave": proto.Kind_LEAVE, "hidden": 99}[kind],
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

// judge is a cluster that plays a rule: it answers logins and pulls as the steps
// say, and notes what is asked of it.
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
func (j *judge) logIn(t *testing.T, c *Client, cfg Config, newest, cursors []string) *Client {
	j.login = &proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: 1, PingSeconds: 10,
		Newest: proto.Marks(j.rule.spots(newest)), Cursors: proto.Marks(j.rule.spots(cursors)),
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
		c = j.logIn(t, c, cfg, nil, nil)
	}
	for i, step := range r.Steps {
		j.mu.Lock()
		j.asked, j.shown = nil, nil
		j.mu.Unlock()
		switch {
		case step.Login != nil:
			c = j.logIn(t, c, cfg, step.Login.Newest, step.Login.Cursors)
		case step.Push != "":
			m := r.message(step.Push)
			m.Prev = step.Prev
			j.push(m)
		case step.Newest != "":
			j.tell(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: proto.Marks(r.spots([]string{step.Newest}))})
		case step.Page != nil:
			j.answer(t, pullOutcome{page: r.page(step.Page.Oldest, step.Page.Newest, step.Page.Messages, step.Page.Through)})
		case step.Refused != "":
			codes := map[string]proto.Code{"diverged": proto.Diverged, "not-member": proto.NotMember}
			j.answer(t, pullOutcome{refused: refuse(codes[step.Refused])})
		case step.Wait:
			time.Sleep(4 * earlyWait)
		}
		synctest.Wait()
		var pulls []proto.Position
		if step.Pull != "" {
			pulls = r.spots([]string{step.Pull})
		}
		j.mu.Lock()
		shown, asked := j.shown, j.asked
		j.mu.Unlock()
		if !slices.Equal(shown, step.Show) || !slices.Equal(asked, pulls) {
			t.Fatalf("step %d: shown %q, want %q; pulls behind %v, want %v", i+1, shown, step.Show, asked, pulls)
		}
		if step.At == "" {
			continue
		}
		if stands := h.Positions(r.Log); len(stands) == 0 || stands[0] != r.spot(step.At) {
			t.Fatalf("step %d: stands at %v, want %v", i+1, stands, r.spot(step.At))
		}
	}
}

func TestClientFollowsTheRulesOfOrder(t *testing.T) {
	files, err := filepath.Glob("../proto/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rules []rule
		if err := json.Unmarshal(b, &rules); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, r := range rules {
			if r.For != nil && !slices.Contains(r.For, "client") {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", strings.TrimSuffix(filepath.Base(file), ".json"), r.Name), func(t *testing.T) {
				synctest.Test(t, r.play)
			})
		}
	}
}
