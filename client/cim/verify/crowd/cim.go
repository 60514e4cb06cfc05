package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/client/cim/verify/ledger"
)

// cimDevice is what nodes and the ledger call a connection that CIM's client makes.
const cimDevice = "cim"

// Which users have a CIM client, too: one in so many, the first of them with this index.
const (
	everyCIM = 20
	firstCIM = 8
	mostCIM  = 8
)

const (
	// cimIdle is how long a CIM client writes nothing before it pings. CIM's own waits
	// 10 s; with less, the cursor moves often in a short run.
	cimIdle = 2 * time.Second
	// cimSilence is how long it hears nothing before it gives its connection up.
	cimSilence = 8 * time.Second
	cimRest    = 3 * time.Second        // from /offLine to the next /login, as CIM's client waits
	cimCall    = 10 * time.Second       // of an HTTP call
	cimPeek    = 100 * time.Millisecond // without a byte in it, all that came is read; longer than slowPause
	cimLast    = 2 * time.Second        // of reading what is on its way when its connection is cut
	cimBack    = 40 * time.Second       // from the end of all faults until it must be back
	cimSettled = 3                      // pongs until a client is known to have a cursor
)

// CIM is an unmodified CIM client, which is to say CIM's frames over TCP and CIM's HTTP,
// without a token. A user has it beside a phone. It is shown private messages and those
// to everyone, of which it is told no ids and no places, acknowledges nothing but by its
// pings, and keeps nothing. Its methods may be called concurrently.
type CIM struct {
	// Set before Start.
	name   string
	user   int64
	place  int // in the crowd
	routes []string
	http   *http.Client
	ledger *ledger.Writer
	orders *orders
	users  []int64 // ids, by index

	slow  atomic.Bool
	pongs atomic.Int64 // heard so far

	// Guarded by mu.
	mu   sync.Mutex
	wire *wire         // nil: there is no connection
	stop func()        // nil: it does not run
	done chan struct{} // closed when it has ended
}

// String names the device, for people.
func (c *CIM) String() string { return fmt.Sprintf("%d/%s", c.user, cimDevice) }

// Who is what the ledger calls the device.
func (c *CIM) Who() (user int64, device string) { return c.user, cimDevice }

// Restartable reports false: it keeps nothing, and a start would be a reconnect.
func (c *CIM) Restartable() bool { return false }

// Start has it log in, and again whenever its connection ends, until Kill. It returns
// when the node must have a cursor for it, or ctx ends.
func (c *CIM) Start(ctx context.Context) error {
	c.mu.Lock()
	if c.stop == nil {
		life, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		c.stop, c.done = stop, done
		go func() {
			defer close(done)
			c.run(life)
		}()
	}
	c.mu.Unlock()
	return c.hear(ctx, cimSettled)
}

// Kill ends it without a goodbye.
func (c *CIM) Kill() error {
	c.mu.Lock()
	stop, done := c.stop, c.done
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		stop()
		c.each(func(w *wire) { w.Close() })
		<-done
	}
	return nil
}

// Cut ends its connection as a program does that has read what came: a ping that is on
// its way may make the node take for shown what this side's kernel has.
func (c *CIM) Cut() {
	c.each(func(w *wire) {
		if half, ok := w.Conn.(*net.TCPConn); ok {
			_ = half.CloseWrite() // it may have ended by itself
		}
		time.AfterFunc(cimLast, func() { w.Close() })
	})
}

// Tear breaks the connection in the middle of the next ping.
func (c *CIM) Tear() { c.each(func(w *wire) { w.state.Store(tearing) }) }

// Mute makes the present connection lose everything. Its silence ends it.
func (c *CIM) Mute() { c.each(func(w *wire) { w.state.Store(mute) }) }

// Slow makes it read slowly. It pings only when it has read everything.
func (c *CIM) Slow(slow bool) { c.slow.Store(slow) }

func (c *CIM) each(do func(*wire)) {
	c.mu.Lock()
	w := c.wire
	c.mu.Unlock()
	if w != nil {
		do(w)
	}
}

// hold makes w the present connection; nil: there is none.
func (c *CIM) hold(w *wire) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = w
}

// hear waits for so many more pongs, or ctx.
func (c *CIM) hear(ctx context.Context, n int64) error {
	for heard := c.pongs.Load() + n; c.pongs.Load() < heard; {
		if !until(ctx, time.Now().Add(cimPeek)) {
			return fmt.Errorf("start %v: %w", c, ctx.Err())
		}
	}
	return nil
}

func (c *CIM) run(life context.Context) {
	for n := 1; life.Err() == nil; n++ {
		route := c.routes[(c.place+n)%len(c.routes)]
		if address, err := c.login(life, route); err == nil {
			broken := c.visit(life, address, n)
			if broken != nil && life.Err() == nil {
				c.note(ledger.Record{Kind: ledger.Stopped, Note: broken.Error()})
				return
			}
		}
		_, _ = c.call(life, route, "/offLine", map[string]any{"userId": c.user}, nil) // its answer tells nothing
		until(life, time.Now().Add(cimRest))
	}
}

func (c *CIM) note(r ledger.Record) {
	r.User, r.Device = c.user, cimDevice
	c.ledger.Write(r)
}

// login asks for a node's address.
func (c *CIM) login(ctx context.Context, route string) (address string, err error) {
	var at struct {
		IP            string `json:"ip"`
		CIMServerPort int    `json:"cimServerPort"`
	}
	code, err := c.call(ctx, route, "/login", map[string]any{"userId": c.user, "userName": c.name}, &at)
	if err == nil && code != "9000" {
		err = fmt.Errorf("the login was answered %s", code)
	}
	return net.JoinHostPort(at.IP, strconv.Itoa(at.CIMServerPort)), err
}

// visit connects to a node and writes down what it is shown until that ends. An error is
// what CIM's client would break on.
func (c *CIM) visit(life context.Context, address string, process int) error {
	dialer := net.Dialer{Control: ethernet, Timeout: cimCall}
	conn, err := dialer.DialContext(life, "tcp", address)
	if err != nil {
		return nil
	}
	w := newWire(conn, &c.slow, false, func(*wire) { c.hold(nil) })
	c.hold(w)
	defer w.Close()
	if life.Err() != nil { // Kill may have looked before
		return nil
	}
	wrote := time.Now()
	if _, err := w.Write(append(cimRequest(c.name, c.user, cimLogin), cimRequest("ping", c.user, cimPing)...)); err != nil {
		return nil
	}
	silence := time.AfterFunc(cimSilence, func() { w.Close() })
	defer silence.Stop()
	back := false
	defer func() {
		if back {
			c.note(ledger.Record{Kind: ledger.Away, Process: process})
		}
	}()
	var read []byte
	for chunk := make([]byte, 32<<10); ; {
		peek := max(cimPeek, time.Until(wrote.Add(cimIdle)))
		if err := w.SetReadDeadline(time.Now().Add(peek)); err != nil {
			return nil
		}
		n, err := w.Read(chunk)
		read = append(read, chunk[:n]...)
		for frame, rest, ok := cutFrame(read); ok; frame, rest, ok = cutFrame(read) {
			read = rest
			silence.Reset(cimSilence)
			f, err := readCIM(frame)
			if err != nil {
				return err
			}
			if f.cmd == cimPing {
				if !back {
					back = true
					c.note(ledger.Record{Kind: ledger.Back, Process: process})
				}
				c.pongs.Add(1)
				continue
			}
			if err := c.show(f, process); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if _, err := w.Write(cimRequest("ping", c.user, cimPing)); err != nil {
				return nil
			}
			wrote = time.Now()
		case err != nil:
			return nil
		}
	}
}

// show writes down the texts of a frame, in their order.
func (c *CIM) show(f cimFrame, process int) error {
	from, err := strconv.ParseInt(f.properties["sendUserId"], 10, 64)
	if err != nil || f.properties["receiveUserId"] != strconv.FormatInt(c.user, 10) {
		return fmt.Errorf("CIM's client breaks on a frame with %v", f.properties)
	}
	for _, text := range f.texts {
		c.note(ledger.Record{Kind: ledger.Shown, Process: process, From: from, Text: text})
	}
	return nil
}

// talk sends until ctx ends, over HTTP. Life is how long an answer is waited for.
func (c *CIM) talk(ctx, life context.Context) {
	count := 0
	for due := time.Now(); ; {
		o := c.orders.next()
		due = due.Add(o.wait)
		if !until(ctx, due) {
			return
		}
		for _, text := range o.texts {
			if ctx.Err() != nil {
				return
			}
			count++
			c.send(life, count, o, text)
		}
	}
}

// send sends one text. The id is the ledger's own, because CIM's calls have none: a call
// that something on its way repeats is another message.
func (c *CIM) send(ctx context.Context, count int, o order, text string) {
	r := ledger.Record{Kind: ledger.Sent, ID: fmt.Sprintf("%s-%d", cimDevice, count), Group: ledger.Everyone, Text: text}
	path, body := "/groupRoute", map[string]any{"userId": c.user, "msg": text}
	if o.peer >= 0 {
		r.Group, r.To = 0, c.users[o.peer]
		path, body["receiveUserId"] = "/p2pRoute", r.To
	}
	c.note(r)
	route := c.routes[(c.place+count)%len(c.routes)]
	answer := ledger.Record{Kind: ledger.Accepted, ID: r.ID}
	code, err := c.call(ctx, route, path, body, nil)
	if err != nil || code != "9000" && code != "7000" { // it may have been stored
		answer.Kind, answer.Note = ledger.Unknown, fmt.Sprintf("%s, %v", code, err)
	}
	c.note(answer)
}

// call posts to one of CIM's paths and returns the code of the answer; its body goes
// into data, unless that is nil.
func (c *CIM) call(ctx context.Context, route, path string, q, data any) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, cimCall)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, route+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s was answered %s", path, answer.Status)
	}
	envelope := struct {
		Code     string          `json:"code"`
		DataBody json.RawMessage `json:"dataBody"`
	}{}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if data != nil && envelope.Code == "9000" {
		err = json.Unmarshal(envelope.DataBody, data)
	}
	return envelope.Code, err
}

// register makes the account, or finds the one of this name, as CIM's client does.
func (c *CIM) register(ctx context.Context) error {
	var account struct {
		UserID int64 `json:"userId"`
	}
	code, err := c.call(ctx, c.routes[0], "/registerAccount", map[string]any{"userName": c.name}, &account)
	if err == nil && (code != "9000" || account.UserID != c.user) {
		err = fmt.Errorf("%s is %d, and was answered %s, %d", c.name, c.user, code, account.UserID)
	}
	return err
}

// addCIM adds the CIM clients. Their places are behind those of all others.
func (c *Crowd) addCIM(config Config, http *http.Client, users []int64) {
	for i := firstCIM; i < len(users) && len(c.cims) < mostCIM; i += everyCIM {
		place := len(c.devices) + len(c.cims)
		c.cims = append(c.cims, &CIM{
			name: userName(i), user: users[i], place: place, routes: config.Routes, http: http, ledger: config.Ledger,
			orders: newOrders(config.Seed, place, i, len(users), 0), users: users,
		})
	}
}

// arriveCIM has them come. What is sent from here on is for them.
func (c *Crowd) arriveCIM(ctx context.Context) error {
	return together(ctx, len(c.cims), func(ctx context.Context, i int) error {
		d := c.cims[i]
		if err := errors.Join(d.register(ctx), d.Start(ctx)); err != nil {
			return err
		}
		d.note(ledger.Record{Kind: ledger.Joined, CIM: true})
		return nil
	})
}

// Settle waits until each CIM client was answered a ping, so that none still takes a
// connection that was lost in silence for a live one; but no longer than cimBack.
func (c *Crowd) Settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cimBack)
	defer cancel()
	_ = together(ctx, len(c.cims), func(ctx context.Context, i int) error { return c.cims[i].hear(ctx, 2) }) // the judge sees what is missing
}
