package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto/tlsfile"
)

// runDemo is `cim up -demo`. alice and bob chat, and meanwhile the node that holds bob is
// killed. Then runDemo compares the messages that bob was shown with the messages that
// were accepted from alice. The parameter users is the host that signs the tokens of the
// two. If it is nil, they log in with passwords.
func runDemo(ctx context.Context, c up.Config, users *host, out io.Writer) error {
	d := &demo{out: out, users: users, begun: time.Now()}
	if c.CA != nil {
		var err error
		if d.roots, err = tlsfile.Roots(c.CA.File); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c.Fixed = false // use free ports, because another cluster may be running
	d.say("starting %d nodes, a route and a store", c.Nodes)
	cluster, err := up.Start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }() // an error needs no report, because the programs have logs
	d.cluster = cluster
	d.say("the nodes found each other by gossip")
	return d.run(ctx)
}

const (
	demoBefore = 10 // messages to bob until bob's node is killed
	demoDuring = 20 // messages to bob after that
)

type demo struct {
	out     io.Writer
	users   *host // nil: alice and bob log in with passwords
	begun   time.Time
	cluster *up.Cluster
	roots   *x509.CertPool // nil: no TLS
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%5.1f s  %s\n", time.Since(d.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) run(ctx context.Context) error {
	alice, err := d.join(ctx, "alice")
	if err != nil {
		return err
	}
	defer alice.leave()
	bob, err := d.join(ctx, "bob")
	if err != nil {
		return err
	}
	defer bob.leave()

	if err := d.chat(ctx, alice, bob); err != nil {
		return err
	}
	died := d.cluster.Node(bob.State().Node.ID)
	d.say("killing %s, which holds bob (kill -9 %d), while alice goes on", died.ID, died.PID())
	died.Kill()
	killed := time.Now()
	if err := alice.sendAll(ctx, bob, demoBefore, demoBefore+demoDuring); err != nil {
		return err
	}
	d.say("alice: %d more messages to bob, all accepted", demoDuring)
	if err := bob.waitPrivate(ctx, demoBefore+demoDuring); err != nil {
		return err
	}
	d.say("bob is on %s and was shown the last of them %v after the kill", bob.State().Node.ID, time.Since(killed).Round(time.Millisecond))
	if bob.State().Node.ID == died.ID {
		return fmt.Errorf("bob is still on %s", died.ID)
	}
	if err := d.judge(alice, bob); err != nil {
		return err
	}
	if s := d.cluster.Functions(); s != nil {
		d.say("the route is a function: %d instances were started, %d of them killed, all frozen between requests", s.Started, s.Killed)
	}
	d.say("nothing was lost, nothing was shown twice, nothing was out of order")
	return nil
}

// chat is the part of the demo before the node is killed.
func (d *demo) chat(ctx context.Context, alice, bob *person) error {
	if err := alice.sendAll(ctx, bob, 0, demoBefore); err != nil {
		return err
	}
	if err := bob.waitPrivate(ctx, demoBefore); err != nil {
		return err
	}
	d.say("alice -> bob: %d messages, all shown; the last: %q", demoBefore, bob.last().Text)
	if _, err := bob.SendEveryone(ctx, "good morning, everyone"); err != nil {
		return fmt.Errorf("bob to everyone: %w", err)
	}
	if err := alice.wait(ctx, func(shown []client.Message) bool { return len(shown) == 1 }); err != nil {
		return err
	}
	d.say("bob -> everyone: alice was shown %q", alice.last().Text)
	return nil
}

// judge compares the messages that were shown with the messages that were sent. It
// compares their exact texts, too.
func (d *demo) judge(alice, bob *person) error {
	shown := bob.shown()
	for i, m := range shown {
		if m.Text != demoText(i) {
			return fmt.Errorf("bob was shown %q at place %d, where %q belongs", m.Text, i+1, demoText(i))
		}
	}
	if len(shown) != demoBefore+demoDuring {
		return fmt.Errorf("bob was shown %d messages of %d", len(shown), demoBefore+demoDuring)
	}
	if n := len(alice.shown()); n != 1 {
		return fmt.Errorf("alice was shown %d messages of 1", n)
	}
	d.say("accepted %d, shown to bob %d, each once, in the order of their numbers", demoBefore+demoDuring, len(shown))
	return nil
}

func demoText(i int) string { return fmt.Sprintf("message %d", i+1) }

// person is a client that remembers what it was shown.
type person struct {
	*client.Client
	name string
	done sync.WaitGroup

	// Guarded by mu.
	mu   sync.Mutex
	list []client.Message
	more chan struct{} // closed and replaced when list grows
}

func (d *demo) join(ctx context.Context, name string) (*person, error) {
	cfg := client.Config{Routes: d.cluster.RouteURLs(), Name: name, Password: "demo of " + name, Device: "demo", RootCAs: d.roots}
	if d.users != nil {
		cfg.JWT = d.users.of(name)
	} else if _, err := client.Register(ctx, cfg); err != nil {
		return nil, fmt.Errorf("register %s: %w", name, err)
	}
	c, err := client.Connect(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", name, err)
	}
	p := &person{Client: c, name: name, more: make(chan struct{})}
	p.done.Go(p.receive)
	d.say("%s is user %d and landed on %s", name, c.Self().User, c.State().Node.ID)
	return p, nil
}

// receive records messages until the client ends.
func (p *person) receive() {
	for {
		m, err := p.Receive(context.Background())
		if err != nil {
			return
		}
		p.mu.Lock()
		p.list = append(p.list, m)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *person) leave() {
	p.Close() // its error is always nil
	p.done.Wait()
}

func (p *person) shown() []client.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]client.Message(nil), p.list...)
}

func (p *person) last() client.Message {
	shown := p.shown()
	return shown[len(shown)-1]
}

// wait blocks until the function enough returns true for the messages that were shown.
func (p *person) wait(ctx context.Context, enough func([]client.Message) bool) error {
	for {
		p.mu.Lock()
		ok, more := enough(p.list), p.more
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s was shown %d messages: %w", p.name, len(p.shown()), errors.Join(ctx.Err(), p.Err()))
		}
	}
}

func (p *person) waitPrivate(ctx context.Context, n int) error {
	return p.wait(ctx, func(shown []client.Message) bool { return len(shown) >= n })
}

// sendAll sends some messages, one after the other. The parameter from is the number of
// the first message, and to-1 is the number of the last.
func (p *person) sendAll(ctx context.Context, receiver *person, from, to int) error {
	for i := from; i < to; i++ {
		if _, err := p.Send(ctx, receiver.Self().User, demoText(i)); err != nil {
			return fmt.Errorf("%s to %s: %w", p.name, receiver.name, err)
		}
	}
	return nil
}
