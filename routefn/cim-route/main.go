// Command cim-route is the stateless HTTP part of CIM. It registers users, logs them in,
// stores their messages and forwards these. Run it with -h for its flags.
package main

import (
	"os"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

func main() { os.Exit(process.Main("cim-route", routeserver.Run)) }
