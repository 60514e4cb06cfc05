package routeserver

import (
	"time"

	"github.com/cim-go/cim/routefn/lambda"
	"github.com/cim-go/cim/routefn/record"
)

// A place is where the program runs, and so how requests reach it.
type place struct {
	lambda   bool   // events come from the runtime API of AWS Lambda
	function bool   // a request's time is all the time there is
	listen   string // where there is no runtime API
}

// portVariables are the environment variables with the port to listen on, on platforms
// that run an HTTP server as a function. The first is of Azure's custom handlers, the
// second of Alibaba's custom runtimes, and the third of Cloud Run, Knative and most
// others.
var portVariables = []string{"FUNCTIONS_CUSTOMHANDLER_PORT", "FC_SERVER_PORT", "PORT"}

// placeOf returns the platform on which the program runs. A configured address
// overrides the platform's, except on Lambda, where a program cannot listen.
func placeOf(listen string, function bool, env func(string) string) place {
	if env(lambda.RuntimeAPI) != "" {
		return place{lambda: true, function: true}
	}
	if listen != "" {
		return place{function: function, listen: listen}
	}
	for _, name := range portVariables {
		if port := env(name); port != "" {
			return place{function: true, listen: ":" + port}
		}
	}
	return place{function: function, listen: defaultListen}
}

// adapt changes the flags for a function. It uses requests instead of streams, which
// would die in the freeze. It sets no bound on requests in flight, because the platform
// has one.
func (f *Flags) adapt(at place) {
	f.function, f.oneByOne = at.function, at.lambda
	f.PlainHop = true
	f.InFlight = -1
	// A platform's own addresses stand for nobody, and open mode is not for the Internet.
	f.accounts = f.accountLimits(true)
}

// adaptStore configures the connections of a function to the store.
func (f *Flags) adaptStore(c *record.Config) {
	if !f.function {
		return
	}
	// A connection may not survive the freeze between two requests. A probe finds that
	// out at the cost of one round trip.
	c.ProbeIdle = 250 * time.Millisecond
	c.MaxIdleTime = time.Minute
	c.ReadTimeout = time.Second // twice of it is less than a function has
	if f.oneByOne {
		// A request rarely needs two connections to a server, and there are many
		// instances. The store must hold at most instances * masters * PoolSize
		// connections.
		c.PoolSize = 4
	}
}
