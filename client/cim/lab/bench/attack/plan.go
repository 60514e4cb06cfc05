package attack

import (
	"maps"
	"net"
	"sync"
	"time"
)

// Plan says what a generator does. A kind of attack is left out if its number is zero.
type Plan struct {
	Route string // host:port
	Node  string // host:port for clients
	Sink  bool   // Route and Node are the address of a sink, which answers nothing

	MostLate time.Duration // the attack ends when the generator's timer is later than this, see Punctuality

	Bodies int           // requests that are held, each with a body that does not end
	Shared int           // how many of these come from 127.0.0.1
	Frames int           // connections to the node that are held, each with a frame that does not end
	Renew  time.Duration // after this time another connection replaces a held one

	Guessers  int      // each has an address of its own
	GuessRate float64  // guesses per second of all guessers together
	Names     []string // accounts whose passwords are guessed in turn; an empty one stands for a new name each time

	Handshakes float64 // handshakes of TLS per second that strangers begin with the node

	Flooder *Flooder // nil: none
}

// Flooder is an account that sends without a pause, on its connection to the node and by
// requests to the route.
type Flooder struct {
	User      int64
	Ticket    string
	Token     string // the flooder gets another ticket by this token when the connection has ended
	Device    string // of Ticket and Token
	PostToken string // the token of another device, for the requests
	To        int64
	Rate      float64 // messages per second on the connection; zero: as fast as the node takes them
	PostRate  float64 // requests per second; zero: as fast as the route takes them
}

// Report has the tries of a generator from when it was ready on, and their outcomes.
type Report struct {
	Took    time.Duration
	Late    time.Duration // see Punctuality
	Bodies  Outcomes
	Frames  Outcomes
	Guesses Outcomes
	Flood   Outcomes
	Posts   Outcomes // of the flooder, to the route
	Shakes  Outcomes
}

// Outcomes counts tries, and how they ended. A try that has no answer yet, or that went
// to a sink, is only in Tried.
type Outcomes struct {
	Tried int64
	Ends  map[string]int64 // by code, or by how the connection ended
}

// Ended returns how many tries are over.
func (o Outcomes) Ended() (n int64) {
	for _, count := range o.Ends {
		n += count
	}
	return n
}

// counter counts Outcomes. It is safe for concurrent use.
type counter struct {
	mu sync.Mutex
	o  Outcomes
}

func (c *counter) try(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o.Tried += n
}

func (c *counter) end(how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.Ends == nil {
		c.o.Ends = make(map[string]int64)
	}
	c.o.Ends[how]++
}

// begin counts from zero again.
func (c *counter) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o = Outcomes{}
}

func (c *counter) outcomes() Outcomes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Outcomes{Tried: c.o.Tried, Ends: maps.Clone(c.o.Ends)}
}

// Networks of the addresses that attackers connect from: 127.N.x.y.
const (
	bodyNetwork    = 61
	frameNetwork   = 62
	guesserNetwork = 63
	shakerNetwork  = 64
	perBlock       = 250
)

// shakers is how many addresses handshakes come from in turn.
const shakers = 250

// Address returns address i of the network 127.N, for i up to 62,500.
func Address(network byte, i int) net.IP {
	return net.IPv4(127, network, byte(i/perBlock), byte(1+i%perBlock))
}

// dialer returns a dialer that connects from an address; nil: the system picks it.
func dialer(from net.IP) *net.Dialer {
	d := &net.Dialer{Timeout: 5 * time.Second}
	if from != nil {
		d.LocalAddr = &net.TCPAddr{IP: from}
	}
	return d
}
