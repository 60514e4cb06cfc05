package crowd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto/retry"
)

// cimDevice is the device name that nodes and the ledger use for a connection of a CIM
// client.
const cimDevice = "cim"

// If Config.CIMShare is zero, these constants choose the users who also have a CIM client.
// They are the percentage of such users, the index of the first one, and their largest
// number.
const (
	shareCIM = 5
	firstCIM = 8
	mostCIM  = 8
)

const (
	// cimIdle is how long a CIM client writes nothing before it pings. CIM's own client
	// waits 10 s. This shorter time makes the cursor move often in a short run.
	cimIdle = 2 * time.Second
	// cimCalm replaces cimIdle for every second client once its connection has settled.
	// If the node of such a client is killed, only the acknowledgements of the client's
	// TCP prove which messages it has read.
	cimCalm = 8 * time.Second
	// A CIM client abandons its connection if no frame comes for too long. That is the sum
	// of cimSilence and the idle time after which the client pings.
	cimSilence = 6 * time.Second
	cimRest    = 3 * time.Second        // from /offLine to the next /login, as CIM's client waits
	cimCall    = 10 * time.Second       // of an HTTP call
	cimPeek    = 100 * time.Millisecond // if no byte comes for this time, the client has read everything that arrived; longer than slowPause
	cimLast    = 2 * time.Second        // how long the client reads what has arrived when its connection is cut
	cimBack    = 40 * time.Second       // how long after the end of all faults the client may take to be back
	cimSettled = 3                      // pongs until a client is known to have a cursor
)

// CIM behaves like an unmodified CIM client. It uses CIM's frames over TCP and CIM's HTTP,
// without a token. A user has it beside a phone. It gets private messages and messages to
// everyone, without their ids and places. Its only acknowledgements are its pings, and it
// stores nothing. Its methods may be called concurrently.
type CIM struct {
	// Set before Start.
	name   string
	user   int64
	place  int // in the crowd
	routes []string
	nodeAt func(address string) (id string)
	http   *http.Client
	ledger *ledger.Writer
	orders *orders
	users  []int64 // ids, by index

	slow  atomic.Bool
	pongs atomic.Int64 // how many pongs have come so far

	// Guarded by mu.
	mu   sync.Mutex
	wire *wire         // nil: there is no connection
	stop func()        // nil: the client does not run
	done chan struct{} // closed when the client has ended
}

// String names the device, for people.
func (c *CIM) String() string { return fmt.Sprintf("%d/%s", c.user, cimDevice) }

// Who returns the user and the device name in the ledger.
func (c *CIM) Who() (user int64, device string) { return c.user, cimDevice }

// Restartable returns false. The client stores nothing, so a restart would be the same as
// a reconnect.
func (c *CIM) Restartable() bool { return false }

// Start makes the client log in. Until Kill, the client logs in again whenever its
// connection ends. Start returns when the node must have a cursor for the client, or when
// ctx ends.
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

// Kill ends the client without a goodbye.
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

// Cut closes the connection after the client has read everything that arrived. A ping on
// its way proves to the node that the client has read everything. That must also be true
// of bytes in the kernel's buffer.
func (c *CIM) Cut() {
	c.each(func(w *wire) {
		if half, ok := w.Conn.(*net.TCPConn); ok {
			w.halved.Store(true)
			_ = half.CloseWrite() // the connection may have ended by itself
		}
		time.AfterFunc(cimLast, func() { w.Close() })
	})
}

// Tear breaks the connection in the middle of the next ping.
func (c *CIM) Tear() { c.each(func(w *wire) { w.state.Store(tearing) }) }

// Mute makes the present connection lose everything that the client sends. The node then
// closes the connection, because the client is silent. The client still reads everything
// that arrives, because its TCP acknowledges the arriving bytes. A network that loses the
// client's packets would lose these acknowledgements, too.
func (c *CIM) Mute() { c.each(func(w *wire) { w.state.Store(mute) }) }

// Slow makes the client read slowly. It pings only when it has read everything.
func (c *CIM) Slow(slow bool) { c.slow.Store(slow) }

func (c *CIM) each(do func(*wire)) {
	c.mu.Lock()
	w := c.wire
	c.mu.Unlock()
	if w != nil {
		do(w)
	}
}

// hold makes w the present connection. If w is nil, there is none.
func (c *CIM) hold(w *wire) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = w
}

// hear waits until n more pongs have come, or ctx ends.
func (c *CIM) hear(ctx context.Context, n int64) error {
	for heard := c.pongs.Load() + n; c.pongs.Load() < heard; {
		if !retry.Sleep(ctx, cimPeek) {
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
		_, _ = c.call(life, route, "/offLine", map[string]any{"userId": c.user}, nil) // the answer says nothing useful
		retry.Sleep(life, cimRest)
	}
}

// idle returns how long the client writes nothing before it pings.
func (c *CIM) idle() time.Duration {
	if c.place%2 == 1 && c.pongs.Load() > cimSettled {
		return cimCalm
	}
	return cimIdle
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

// show records the texts of a frame in the ledger, in their order.
func (c *CIM) show(f cimFrame, process int) error {
	from, err := strconv.ParseInt(f.properties["sendUserId"], 10, 64)
	if err != nil || f.properties["receiveUserId"] != strconv.FormatInt(c.user, 10) {
		return fmt.Errorf("CIM's client breaks on a frame with %v", f.properties)
	}
	if from == 0 {
		return nil // this is the system's notice about a refused message; the notice is in no log
	}
	for _, text := range f.texts {
		c.note(ledger.Record{Kind: ledger.Shown, Process: process, From: from, Text: text})
	}
	return nil
}

// addCIM adds the CIM clients. Their places in the crowd are behind those of all other
// devices.
func (c *Crowd) addCIM(config Config, http *http.Client, users []int64) {
	for _, i := range withCIM(len(users), config.CIMShare) {
		place := len(c.devices) + len(c.cims)
		c.cims = append(c.cims, &CIM{
			name: userName(i), user: users[i], place: place, routes: config.Routes, nodeAt: config.NodeAt, http: http, ledger: config.Ledger,
			orders: newOrders(config.Seed, place, i, len(users), 0), users: users,
		})
	}
}

// withCIM returns which users also have a CIM client. The parameter share is the
// percentage of these users, who are spread evenly. If it is 0, the defaults above decide.
func withCIM(users, share int) (list []int) {
	most := users
	if share == 0 {
		share, most = shareCIM, mostCIM
	}
	for i := range users {
		if share*(i+100/shareCIM-firstCIM)%100 < share && len(list) < most {
			list = append(list, i)
		}
	}
	return list
}

// arriveCIM connects the CIM clients. Messages that are sent after that must reach them.
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

// Settle waits until each CIM client got an answer to a ping, but no longer than
// cimBack. After that, no client believes that a silently lost connection is alive.
func (c *Crowd) Settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cimBack)
	defer cancel()
	_ = together(ctx, len(c.cims), func(ctx context.Context, i int) error { return c.cims[i].hear(ctx, 2) }) // if that fails, the judge notices what is missing
}
