package crowd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/proto/tlsfile"
)

// Each constant names a property and has a number n as its value. Every n-th user or
// device of the crowd has that property.
const (
	everyLaptop  = 8  // a second device
	everyTablet  = 24 // a third one
	everyService = 9  // sends over HTTP
	everyFile    = 3  // keeps its history in a file
	everyForget  = 7  // of the devices without a file: loses its history with its process
	everySocket  = 5  // connects by WebSocket
	everyRoaming = 4  // leaves without closing its connection, so the node does not notice
)

// serviceDevice is the name of devices that send over HTTP and are shown nothing.
const serviceDevice = "service"

// arriving is how many devices log in at a time.
const arriving = 8

// Config says how large the crowd is, where it connects, and what it does.
type Config struct {
	Routes []string // base URLs
	Users  int
	Rate   float64 // messages per second, of all users together
	Seed   uint64
	Dir    string // for history files
	CA     string // file of the authority that signed the certificates of routes and nodes; empty: nothing speaks TLS
	Ledger *ledger.Writer

	CIMShare int                              // how many of 100 users also have a CIM client; 0: five of 100, and at most eight in all
	NodeAt   func(address string) (id string) // returns the node with an address for clients; empty: it is not known
	Crowded  bool                             // some users are in the largest allowed number of groups
	Limited  bool                             // the routes limit what an account may do

	Passwords bool // accounts have passwords
}

// roots returns the authority's certificate, or nil.
func (c Config) roots() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	return tlsfile.Roots(c.CA)
}

// password returns the password of all accounts, or an empty text if they have none.
func (c Config) password() string {
	if c.Passwords {
		return "correct horse battery staple"
	}
	return ""
}

// Crowd has all users and devices.
type Crowd struct {
	http    *http.Client // for routes
	devices []*Device
	talkers []*talker
	kiosks  []*kiosk
	cims    []*CIM
	pages   []*Page
	groups  []int64 // ids, by index
	crowded []*Device
}

// Gather registers the users, connects their devices, and returns when all are connected.
func Gather(ctx context.Context, c Config) (*Crowd, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	base := client.Config{Routes: c.Routes, HTTP: routesClient(roots), RootCAs: roots, Password: c.password()}
	users := make([]int64, c.Users)
	err = together(ctx, c.Users, func(ctx context.Context, i int) error {
		config := base
		config.Name = userName(i)
		account, err := client.Register(ctx, config)
		users[i] = account.User
		return err
	})
	if err != nil {
		return nil, err
	}
	crowd := &Crowd{http: base.HTTP}
	crowded := c.crowded()
	circles := drawCircles(c.Seed, c.Users-crowded)
	normal := len(circles)
	if crowded > 0 {
		circles = append(circles, drawCrowded(c.Users, crowded)...)
	}
	crowd.addDevices(c, base, users)
	switch {
	case c.CA != "":
		c.Ledger.Write(ledger.Record{Kind: ledger.LeftOut, Fault: "CIM clients", Note: "they speak no TLS"})
	case c.Passwords:
		c.Ledger.Write(ledger.Record{Kind: ledger.LeftOut, Fault: "CIM clients", Note: "they have no passwords"})
	default:
		crowd.addCIM(c, base.HTTP, users)
	}
	if err := crowd.addPages(ctx, c, users); err != nil {
		return nil, err
	}
	crowd.setPace(c.Rate)
	for _, t := range crowd.talkers {
		t.orders.meet(circles, t.device == "phone" && t.orders.user < c.Users-crowded)
		if t.orders.user >= c.Users-crowded {
			crowd.crowded = append(crowd.crowded, t.Device)
		}
		if t.device == "phone" {
			t.orders.made(circles[:normal])
		}
	}
	for _, step := range []func() error{
		func() error { return crowd.arrive(ctx, base) },
		func() error { return crowd.arrivePages(ctx) },
		func() error { return crowd.found(ctx, circles, users) },
		func() error { return crowd.arriveCIM(ctx) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, crowd.Close())
		}
	}
	for _, t := range crowd.talkers {
		t.groups = crowd.groups
	}
	return crowd, nil
}

// addDevices adds the devices of all users: a phone each, and some more of some users.
func (c *Crowd) addDevices(config Config, base client.Config, users []int64) {
	for i := range config.Users {
		c.add(config, base, users, i, "phone")
		if i%everyKiosk == 0 {
			c.kiosks = append(c.kiosks, &kiosk{Device: c.devices[len(c.devices)-1], http: base.HTTP, routes: config.Routes})
		}
		if i%everyLaptop == 0 {
			c.add(config, base, users, i, "laptop")
		}
		if i%everyTablet == 0 {
			c.add(config, base, users, i, "tablet")
		}
	}
}

// setPace sets the mean pause between two messages of one sender. The parameter rate is
// how many messages per second all senders together send then.
func (c *Crowd) setPace(rate float64) {
	senders := len(c.talkers) + len(c.cims) + len(c.pages)
	pace := time.Duration(float64(senders) / rate * float64(time.Second))
	for _, d := range c.cims {
		d.orders.pace = pace
	}
	for _, p := range c.pages {
		p.orders.pace = pace
	}
	for _, t := range c.talkers {
		t.orders.pace = pace
	}
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

func (c *Crowd) add(config Config, base client.Config, users []int64, user int, device string) {
	place := len(c.devices)
	if place%everySocket == 0 {
		base.Transport = client.WebSocket
	}
	path := ""
	if place%everyFile == 0 {
		path = history.Path(filepath.Join(config.Dir, "history"), userName(user), device)
	}
	d := newDevice(userName(user), users[user], device, base, path, config.Ledger)
	d.roams = place%everyRoaming == everyRoaming-1
	for i := range users {
		if step := (i - user + len(users)) % len(users); step > 0 && !slices.Contains(peerSteps, step) {
			d.strangers = append(d.strangers, users[i])
		}
	}
	d.silent = place%everyService == 0
	d.forgetful = path == "" && place%everyForget == 0
	c.devices = append(c.devices, d)
	c.talkers = append(c.talkers, &talker{
		Device: d, users: users, orders: newOrders(config.Seed, place, user, len(users), 0),
	})
}

// arrive starts all devices and logs those in that send over HTTP.
func (c *Crowd) arrive(ctx context.Context, base client.Config) error {
	return together(ctx, len(c.devices), func(ctx context.Context, i int) error {
		d, t := c.devices[i], c.talkers[i]
		if err := d.Start(ctx); err != nil {
			return err
		}
		d.ledger.Write(ledger.Record{Kind: ledger.Joined, User: d.user, Device: d.device})
		if !d.silent {
			return nil
		}
		service := base // a copy, because other goroutines use base meanwhile
		service.Name, service.User, service.Device = d.name, d.user, serviceDevice
		var err error
		t.sender, err = client.NewSender(ctx, service)
		return err
	})
}

// together makes all n calls, some at a time, and returns the first error. If the system
// refuses a call only for the moment, together repeats it for at most refusedFor. For
// example, a route refuses logins when it gets more passwords than it can check.
func together(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(arriving)
	for i := range n {
		group.Go(func() error {
			for begun := time.Now(); ; {
				err := do(ctx, i)
				refused, ok := errors.AsType[*proto.Error](err)
				if !ok || refused.Code.Retry() != proto.RetryLater || time.Since(begun) > refusedFor || !retry.Sleep(ctx, refusedPause) {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// If a call is refused, together repeats it after refusedPause. When a call was refused
// for as long as refusedFor, together repeats it no more.
const (
	refusedPause = 200 * time.Millisecond
	refusedFor   = time.Minute
)

// Guests returns all devices that faults can hit, in the order of their places. First
// come those of the SDK, then CIM clients, then pages.
func (c *Crowd) Guests() []Guest {
	var guests []Guest
	for _, d := range c.devices {
		guests = append(guests, d)
	}
	for _, d := range c.cims {
		guests = append(guests, d)
	}
	for _, p := range c.pages {
		guests = append(guests, p)
	}
	return guests
}

// Users returns the ids of all users.
func (c *Crowd) Users() (list []int64) {
	for _, d := range c.devices {
		if d.device == "phone" {
			list = append(list, d.user)
		}
	}
	return list
}

// Files returns the devices that keep their history in a file.
func (c *Crowd) Files() (list []*Device) {
	for _, d := range c.devices {
		if d.path != "" {
			list = append(list, d)
		}
	}
	return list
}

// Crowded returns the devices of users who are in the largest allowed number of groups.
func (c *Crowd) Crowded() []*Device { return c.crowded }

// Talk makes all devices send until traffic ends. They wait for answers until life ends
// or Close is called. The returned channel is closed when no device waits any more.
func (c *Crowd) Talk(traffic, life context.Context) (done <-chan struct{}) {
	var talking sync.WaitGroup
	for _, t := range c.talkers {
		talking.Go(func() { t.talk(traffic, life) })
	}
	for _, k := range c.kiosks {
		talking.Go(func() { k.visit(traffic, life) })
	}
	for _, d := range c.cims {
		talking.Go(func() { d.talk(traffic, life) })
	}
	for _, p := range c.pages {
		talking.Go(func() { p.talk(traffic) })
	}
	all := make(chan struct{})
	go func() {
		talking.Wait()
		close(all)
	}()
	return all
}

// LastWord has each device send one message to its own user over its own connection. The
// device waits for the answer until life ends or Close is called. Call LastWord when
// everything is healed. The messages show which connections receive nothing any more. The
// returned channel is closed when no device waits any more.
func (c *Crowd) LastWord(life context.Context) (done <-chan struct{}) {
	var waiting sync.WaitGroup
	for _, d := range c.devices {
		waiting.Go(func() { d.lastWord(life) })
	}
	all := make(chan struct{})
	go func() {
		waiting.Wait()
		close(all)
	}()
	return all
}

func (d *Device) lastWord(life context.Context) {
	c, process, err := d.current(life)
	if err != nil {
		return
	}
	m := client.Outgoing{ID: "last-" + d.device, To: d.user, Text: "the last word of the " + d.device}
	d.noteSent(d.device, m, process, 0)
	receipt, err := c.SendMessage(life, m)
	d.answered(d.device, m.ID, receipt, err)
}

// Close ends all devices and waits for them. Messages without an answer are recorded as
// unknown.
func (c *Crowd) Close() error {
	var (
		wait sync.WaitGroup
		all  = c.Guests()
		errs = make([]error, len(all))
	)
	for i, d := range all {
		wait.Go(func() { errs[i] = d.Kill() })
	}
	wait.Wait()
	return errors.Join(errs...)
}
