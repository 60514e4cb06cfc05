package routeserver

import (
	"time"

	"github.com/cim-go/cim/routefn/lambda"
	"github.com/cim-go/cim/routefn/record"
)

// A place describes how requests reach the program on its platform.
type place struct {
	lambda   bool   // requests come as events of the runtime API of AWS Lambda
	function bool   // the program is frozen between requests
	listen   string // address to listen on; empty on Lambda
}

// portVariables are the environment variables with the port to listen on, on platforms
// that run an HTTP server as a function. Azure's custom handlers set the first one,
// Alibaba's custom runtimes the second, and Cloud Run, Knative and most others the
// third.
var portVariables = []string{"FUNCTIONS_CUSTOMHANDLER_PORT", "FC_SERVER_PORT", "PORT"}

// placeOf finds out on which platform the program runs. The parameters listen and function
// are flags, and env reads the environment. A configured address replaces the platform's
// address. Lambda is the exception, because a program cannot listen there.
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

// adapt changes the flags for a function. A function calls nodes by single requests,
// because streams would break while the function is frozen. It does not bound the requests
// in flight, because the platform bounds them.
func (f *Flags) adapt(at place) {
	f.function, f.oneByOne = at.function, at.lambda
	f.PlainHop = true
	f.InFlight = -1
}

// adaptStore configures a function's connections to the store. It changes nothing for a
// server.
func (f *Flags) adaptStore(c *record.Config) {
	if !f.function {
		return
	}
	// A connection may be dead after the function was frozen. A probe finds that out, at
	// the cost of one round trip.
	c.ProbeIdle = 250 * time.Millisecond
	c.MaxIdleTime = time.Minute
	c.ReadTimeout = time.Second // two such time-outs fit into the time that a function has for a request
	if f.oneByOne {
		// A request rarely needs two connections to a server. Each instance of the
		// function has its own pools, so the store may get instances * masters *
		// PoolSize connections.
		c.PoolSize = 4
	}
}
