package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/ring"
)

const (
	drainAsk  = 5 * time.Second        // how long one answer of the node may take
	drainLook = 200 * time.Millisecond // the pause between two questions to the node
	drainShow = time.Second            // the shortest pause between two lines about the progress
	// drainGone is how long the other members may take to notice that a node no longer
	// answers. Gossip and a route's cache take some seconds.
	drainGone = 15 * time.Second
)

// runDrain is `cim drain NODE`. It makes a node move its users to other nodes and end.
// Until the node is gone, it shows the progress. An interrupt ends the command, but not
// the drain of the node.
func runDrain(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim drain", flag.ContinueOnError)
	fs.SetOutput(stderr)
	route := fs.String("route", defaultRoute, "`URL` of a route, or of a node's internal HTTP")
	address := fs.String("node-http", "", "`host:port` of the node's internal HTTP, with https:// before it if it speaks TLS; empty: as the node registered it")
	key := fs.String("cluster-key", "", "`secret` that all nodes and routes share (or file:PATH), if there is one")
	var certs process.Certs
	certs.IdentityFlag(fs, "identity", "an operator")
	var t trust
	t.register(fs)
	words, err := process.ParseWords(fs, "NODE", args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("%w: want cim drain NODE; cim ring lists the nodes", process.ErrUsage)
	}
	id := words[0]
	keys, err := process.Keys("cluster-key", *key)
	if err != nil {
		return err
	}
	identity, err := certs.Load(cert.Operator, time.Now)
	if err != nil {
		return err
	}
	client, err := t.client()
	if err != nil {
		return err
	}
	member, err := memberAt(ctx, client, *route, id)
	if err != nil {
		return err
	}
	if *address == "" {
		*address = member.HTTP
	}
	bearer, _ := ring.NewKeys(keys...).ServiceTokens()
	d := &drain{client: client, route: *route, member: member, url: ring.BaseURL(*address) + proto.PathDrain, bearer: bearer, identity: identity, out: os.Stdout}
	return d.run(ctx)
}

// memberAt returns the member with an id, from the route's list of members.
func memberAt(ctx context.Context, client *http.Client, route, id string) (ring.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, drainAsk)
	defer cancel()
	body, err := fetchMembers(ctx, client, route)
	if err != nil {
		return ring.Member{}, err
	}
	var members []ring.Member
	if err := json.Unmarshal(body, &members); err != nil {
		return ring.Member{}, fmt.Errorf("read members of %s: %w", route, err)
	}
	member, ok := ring.NewView(members).Member(id)
	if !ok {
		return ring.Member{}, fmt.Errorf("%w %q", errNoMember, id)
	}
	return member, nil
}

// errNoMember means that no member has the id.
var errNoMember = errors.New("there is no member")

// drain is the drain of one node.
type drain struct {
	client   *http.Client
	route    string
	member   ring.Member
	url      string // of the node
	bearer   string
	identity *cert.Keyring // nil: the bearer token is sent
	out      io.Writer
}

func (d *drain) run(ctx context.Context) error {
	told, err := d.ask(ctx, http.MethodPost)
	if err != nil {
		return fmt.Errorf("drain %s: %w", d.member.ID, err)
	}
	begun := time.Now()
	fmt.Fprintf(d.out, "%s drains: %d connections\n", chat.CleanLine(d.member.ID), told.Held)
	var shown time.Time
	for answered := begun; ; {
		if err := sleep(ctx, drainLook); err != nil {
			return err
		}
		status, err := d.ask(ctx, http.MethodGet)
		switch {
		case err == nil && !status.Draining:
			return fmt.Errorf("%s was started anew", d.member.ID)
		case err == nil:
			answered = time.Now()
			if status != told && answered.Sub(shown) >= drainShow {
				d.show(status, answered.Sub(begun))
				shown, told = answered, status
			}
		case d.gone(ctx):
			fmt.Fprintf(d.out, "%s has left after %.1f s\n", chat.CleanLine(d.member.ID), time.Since(begun).Seconds())
			return nil
		case time.Since(answered) > drainGone:
			return fmt.Errorf("%s does not answer, and %s does not say that it has left: %w", d.member.ID, d.route, err)
		}
	}
}

func (d *drain) show(s proto.DrainStatus, since time.Duration) {
	fmt.Fprintf(d.out, "%5.1f s  %d moved, %d closed, %d left", since.Seconds(), s.Moved, s.Closed, s.Held)
	if s.Waiting != "" {
		fmt.Fprintf(d.out, "; waits: %s", chat.CleanLine(s.Waiting))
	}
	fmt.Fprintln(d.out)
}

// gone reports whether the route no longer knows the node, or knows it as restarted.
func (d *drain) gone(ctx context.Context) bool {
	member, err := memberAt(ctx, d.client, d.route, d.member.ID)
	return errors.Is(err, errNoMember) || err == nil && member.Boot != d.member.Boot
}

// ask makes one request. If the clocks of node and command differ too much, ask makes one
// more with the node's time.
func (d *drain) ask(ctx context.Context, method string) (proto.DrainStatus, error) {
	status, refusal, err := d.askOnce(ctx, method)
	if refusal != nil && d.identity != nil && d.identity.Learn(d.url, refusal) {
		status, _, err = d.askOnce(ctx, method)
	}
	return status, err
}

// askOnce makes one request. It also returns the header of a refusal.
func (d *drain) askOnce(ctx context.Context, method string) (status proto.DrainStatus, refusal http.Header, err error) {
	ctx, cancel := context.WithTimeout(ctx, drainAsk)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, d.url, nil)
	if err != nil {
		return status, nil, err
	}
	if d.identity != nil {
		d.identity.Prove(request.Header, d.url, d.member.HTTP, method, proto.PathDrain, nil)
	} else {
		request.Header.Set("Authorization", "Bearer "+d.bearer)
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return status, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusUnauthorized {
		return status, answer.Header, errors.New("the node wants another -cluster-key, or the -identity of an operator")
	}
	if answer.StatusCode != http.StatusOK {
		return status, nil, fmt.Errorf("%s answers %s", d.url, answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4096)).Decode(&status); err != nil {
		return status, nil, fmt.Errorf("read answer of %s: %w", d.url, err)
	}
	return status, nil, nil
}

// sleep waits, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
