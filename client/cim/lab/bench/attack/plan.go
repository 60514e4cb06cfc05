package attack

import (
	"maps"
	"net"
	"sync"
	"time"
)

// Plan is what a generator does. A kind of attack that the Plan has none of is left out.
type Plan struct {
	Route string // host:port
	Node  string // host:port for clients
	Sink  bool   // both are a sink, which answers nothing

	MostLate time.Duration // the attack ends when the generator's timer is later, see Punctuality

	Bodies int           // requests that are held, each with a body that does not end
	Shared int           // so many of them come from 127.0.0.1
	Frames int           // connections to the node that are held, each with a frame that does not end
	Renew  time.Duration // after that time another connection takes the place of a held one

	Guessers  int      // each has an address of its own
	GuessRate float64  // guesses per second of all guessers together
	Names     []string // accounts that are guessed at in turn; an empty one is a new name each time

	Flooder *Flooder // nil: none
}

// Flooder is an account that sends without a pause, on its connection to the node and by
// requests to the route.
type Flooder struct {
	User      int64
	Ticket    string
	Token     string // gets another ticket when the connection has ended
	Device    string // of Ticket and Token
	PostToken string // of another device, for the requests
	To        int64
	Rate      float64 // messages per second on the connection; zero: as fast as the node takes them
	PostRate  float64 // requests per second; zero: as fast as the route takes them
}

// Report is what a generator did and got since it was ready.
type Report struct {
	Took    time.Duration
	Late    time.Duration // see Punctuality
	Bodies  Outcomes
	Frames  Outcomes
	Guesses Outcomes
	Flood   Outcomes
	Posts   Outcomes // of the flooder, to the route
}

// Outcomes counts tries, and what became of them. A try of which nothing is known yet, or
// that a sink took, is in Tried alone.
type Outcomes struct {
	Tried int64
	Ends  map[string]int64 // by code, or by what happened to the connection
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
	perBlock       = 250
)

// Address returns address i of a network of loopback, for i up to 62,500.
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
