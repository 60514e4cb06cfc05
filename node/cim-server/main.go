// Command cim-server holds the long connections of users: one node of CIM. Run
// it with -h for its flags.
package main

import (
	"os"

	"github.com/cim-go/cim/node/cim-server/nodeserver"
	"github.com/cim-go/cim/proto/process"
)

func main() { os.Exit(process.Main("cim-server", nodeserver.Run)) }
