// Command cim-server holds the long connections of users: one node of CIM. Run
// it with -h for its flags.
package main

import (
	"os"

	"github.com/cim-go/cim/node/cim-server/program"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

func main() { os.Exit(config.Main("cim-server", program.Run)) }
