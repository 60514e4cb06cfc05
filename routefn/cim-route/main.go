// Command cim-route registers, logs in, stores and forwards: the stateless HTTP part of
// CIM. Run it with -h for its flags.
package main

import (
	"os"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

func main() { os.Exit(process.Main("cim-route", routeserver.Run)) }
