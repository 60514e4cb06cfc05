package crowd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

// Device is one device of a user. It runs a client that can be cut off and slowed down. If
// it keeps a history file, it can also be killed and started again. Its methods may be
// called concurrently.
type Device struct {
	// Set before the first Start.
	name   string // of the account
	user   int64
	device string
	config client.Config
	path   string          // of the history file; empty: memory
	memory *history.Memory // the history if there is no file
	ledger *ledger.Writer

	strangers []int64 // users to whom it sends only messages in a hurry

	forgetful bool // the memory is lost with the process
	silent    bool // its user sends over HTTP, so its connection only receives
	roams     bool // nodes do not notice the end of its connections

	slow    atomic.Bool
	twins   atomic.Int32   // how many second clients were started under its name
	hurries atomic.Int64   // how many messages in a hurry it has sent
	turn    sync.Mutex     // held while the device is started or killed
	jobs    sync.WaitGroup // goroutines of the present process, which receive and watch

	// Guarded by mu.
	mu      sync.Mutex
	wires   map[*wire]struct{}
	client  *client.Client // nil while the process is down
	process int            // number of the present process, or of the last one
	file    *history.File
	up      chan struct{} // closed while the process runs
}

func newDevice(name string, user int64, device string, config client.Config, path string, w *ledger.Writer) *Device {
	d := &Device{
		name: name, user: user, device: device, config: config, path: path, ledger: w,
		wires: make(map[*wire]struct{}), up: make(chan struct{}),
	}
	d.config.Name, d.config.User, d.config.Device, d.config.Dial = name, user, device, d.dial
	if path == "" {
		d.memory = history.NewMemory()
	}
	return d
}

// String names the device, for people.
func (d *Device) String() string { return fmt.Sprintf("%d/%s", d.user, d.device) }

// Who returns the user and the device name in the ledger.
func (d *Device) Who() (user int64, device string) { return d.user, d.device }

// Silent reports whether the device sends nothing over its connection by itself.
func (d *Device) Silent() bool { return d.silent }

// Restartable reports whether the device may be killed and started again.
func (d *Device) Restartable() bool { return d.path != "" || d.forgetful }

// Start starts the device's process and returns when it is connected, or ctx ends. If the
// process runs already, Start does nothing.
func (d *Device) Start(ctx context.Context) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.running() {
		return nil
	}
	config := d.config
	config.History = d.memory
	var file *history.File
	if d.path != "" {
		var err error
		if file, err = history.Open(d.path, history.Options{}); err != nil {
			return err
		}
		config.History = file
	}
	if d.forgetful {
		config.History = nil
		d.ledger.Write(ledger.Record{Kind: ledger.Forgot, User: d.user, Device: d.device})
	}
	c, err := client.Connect(ctx, config)
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return fmt.Errorf("start %v: %w", d, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process++
	d.client, d.file = c, file
	process := d.process
	d.jobs.Go(func() { d.receive(c, process) })
	d.jobs.Go(func() { d.watch(c, process) })
	close(d.up)
	return nil
}

// Kill ends the device's process. The connection breaks without a goodbye. Everything that
// the process had not written to its history is lost.
func (d *Device) Kill() error {
	d.turn.Lock()
	defer d.turn.Unlock()
	return d.kill()
}

func (d *Device) running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.client != nil
}

// kill does what Kill does, for a caller that holds the turn.
func (d *Device) kill() error {
	d.mu.Lock()
	c, file := d.client, d.file
	if c == nil {
		d.mu.Unlock()
		return nil
	}
	d.client, d.file = nil, nil
	d.up = make(chan struct{})
	d.mu.Unlock()
	d.Cut()
	c.Close() // its error is always nil
	d.jobs.Wait()
	d.ledger.Write(ledger.Record{Kind: ledger.Away, User: d.user, Device: d.device})
	if file == nil {
		return nil
	}
	return file.Close()
}

// Cut closes the device's connection, if there is one.
func (d *Device) Cut() {
	d.each(func(w *wire) { w.Close() })
}

// Tear breaks the connection in the middle of the next frame that is written.
func (d *Device) Tear() {
	d.each(func(w *wire) { w.state.Store(tearing) })
}

// Mute makes the present connection lose everything, in both directions and for ever. The
// next connection works again.
func (d *Device) Mute() {
	d.each(func(w *wire) { w.state.Store(mute) })
}

// Slow makes the device read slowly, or at full speed again.
func (d *Device) Slow(slow bool) { d.slow.Store(slow) }

func (d *Device) each(do func(*wire)) {
	d.mu.Lock()
	wires := slices.Collect(maps.Keys(d.wires))
	d.mu.Unlock()
	for _, w := range wires {
		do(w)
	}
}

func (d *Device) dial(ctx context.Context, node proto.Node) (net.Conn, error) {
	dialer := net.Dialer{Control: ethernet}
	conn, err := dialer.DialContext(ctx, "tcp", node.Address)
	if err != nil {
		return nil, err
	}
	w := newWire(conn, &d.slow, d.roams, d.forget)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wires[w] = struct{}{}
	return w, nil
}

func (d *Device) forget(w *wire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.wires, w)
}

// current blocks until the process runs and returns its client and number.
func (d *Device) current(ctx context.Context) (*client.Client, int, error) {
	for {
		d.mu.Lock()
		c, process, up := d.client, d.process, d.up
		d.mu.Unlock()
		if c != nil {
			return c, process, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// receive records the messages that the client shows, until it ends.
func (d *Device) receive(c *client.Client, process int) {
	for {
		m, err := c.Receive(context.Background())
		if err != nil {
			return // watch records the reason
		}
		d.ledger.Write(ledger.Record{
			Kind: ledger.Shown, User: d.user, Device: d.device, Process: process,
			ID: m.ID, From: m.From, To: m.To, Group: m.Group, Text: m.Text, Change: changeOf(m.Kind), At: placeOf(m.At),
		})
	}
}

func changeOf(kind proto.Kind) string {
	switch kind {
	case proto.Kind_JOIN:
		return ledger.Join
	case proto.Kind_LEAVE:
		return ledger.Leave
	default:
		return ""
	}
}

func placeOf(at proto.Position) *ledger.Place {
	return &ledger.Place{Log: at.Log, Epoch: at.Epoch.String(), Number: at.Number}
}

// watch records everything else that happens to the client, until it ends.
func (d *Device) watch(c *client.Client, process int) {
	for event := range c.Events(context.Background()) {
		record := ledger.Record{User: d.user, Device: d.device, Process: process, Note: event.String()}
		switch e := event.(type) {
		case client.Connected:
			record.Kind, record.Note, record.Node = ledger.Back, "", e.Node.ID
		case client.Disconnected:
			record.Kind = ledger.Away
		case client.Trimmed:
			record.Kind, record.First, record.At = ledger.Trimmed, e.From, &ledger.Place{Log: e.Log, Number: e.To}
		case client.Delivered:
			record.Kind, record.ID, record.To = ledger.Marked, e.ID, e.To
		case client.Stopped:
			if errors.Is(e.Err, client.ErrClosed) {
				return
			}
			record.Kind = ledger.Stopped
			if d.twins.Load() > 0 && displaced(e.Err) {
				record.Kind = ledger.Away
			}
		default:
			continue
		}
		d.ledger.Write(record)
	}
}

// answered records the outcome of a message.
func (d *Device) answered(sender, id string, receipt client.Receipt, err error) {
	record := ledger.Record{Kind: ledger.Accepted, User: d.user, Device: sender, ID: id}
	var refusal *proto.Error
	switch {
	case err == nil:
		if receipt.At.Number > 0 { // a message that is only scheduled has no place yet
			record.At = placeOf(receipt.At)
		}
	case errors.Is(err, client.ErrOutcomeUnknown), errors.As(err, &refusal) && refusal.Code == proto.TooOld:
		record.Kind, record.Note = ledger.Unknown, err.Error()
	default:
		record.Kind, record.Note = ledger.Refused, err.Error()
		if errors.As(err, &refusal) && refusal.Code == proto.NotMember {
			record.Code = ledger.NotMember
		}
	}
	d.ledger.Write(record)
}

// routesClient returns the HTTP client with which the whole crowd calls routes. All
// devices share its connections.
func routesClient(roots *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if roots != nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	transport.MaxIdleConnsPerHost = 64 // hundreds of devices share two routes
	return &http.Client{Transport: transport}
}
