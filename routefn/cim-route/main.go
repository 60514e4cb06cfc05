// Command cim-route registers, logs in, stores and forwards: the stateless HTTP
// half of CIM. Run it with -h for its flags.
package main

import (
	"os"

	"github.com/cim-go/cim/routefn/cim-route/config"
	"github.com/cim-go/cim/routefn/cim-route/program"
)

func main() { os.Exit(config.Main("cim-route", program.Run)) }
