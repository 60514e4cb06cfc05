package program

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

// portVariables are where platforms that run an HTTP server as a function say
// which port to listen on: Azure's custom handlers, Alibaba's custom runtimes,
// and Cloud Run, Knative and most others.
var portVariables = []string{"FUNCTIONS_CUSTOMHANDLER_PORT", "FC_SERVER_PORT", "PORT"}

// placeOf says where the program runs. An address that was asked for wins over
// what a platform says, except over Lambda, where nothing can listen.
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

// adapt sets what a function needs otherwise than a server: requests instead of
// streams, which would die in the freeze, and no bound of its own on the requests
// in flight, which the platform has.
func (f *Flags) adapt(at place) {
	f.function, f.oneByOne = at.function, at.lambda
	f.PlainHop = true
	f.InFlight = -1
}

// adaptStore sets what a function wants of its connections to the store.
func (f *Flags) adaptStore(c *record.Config) {
	if !f.function {
		return
	}
	// A freeze of any length may lie between two requests, and a connection may not
	// survive it. One round trip is what it costs to know.
	c.ProbeIdle = 250 * time.Millisecond
	c.MaxIdleTime = time.Minute
	c.ReadTimeout = time.Second // twice of it is less than a function has
	if f.oneByOne {
		// A request rarely asks a server twice at a time, and instances are many: what
		// the store must hold is instances x masters x this at most.
		c.PoolSize = 4
	}
}
