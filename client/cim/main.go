// Command cim is the command for people. It has a terminal to chat in, starts a whole
// cluster on one machine, and shows the ring. It also contains the other programs (cim
// server, cim route), so that one file is enough to install.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/cim-go/cim/node/cim-server/nodeserver"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

// defaultRoute is the URL at which a route listens by default.
const defaultRoute = "http://127.0.0.1:8083"

const usage = `cim: distributed instant messaging and push

  cim -name alice      chat (cim -h lists the flags; the cluster must run)
  cim up               run a whole cluster on this machine and chat
  cim up -demo         show in a few seconds what happens when a node dies
  cim verify           break a cluster on this machine, and see that nothing is lost
  cim bench            measure what this machine can do, and how much of it is left
  cim ring             members, load, who owns a user, what would move
  cim drain NODE       take a node out: its users go to others, then it ends
  cim cluster init     make the keys of a cluster; cim cluster add-node NODE makes those of one node
  cim server           run one node     (the program cim-server)
  cim route            run one route    (the program cim-route)
  cim import           bring in accounts and waiting messages: of CIM's Redis, or of a file
  cim export           write accounts, groups and messages as JSON lines
  cim password NAME    give an account another password, and log out its devices
  cim account          delete an account for good: cim account delete NAME
  cim role NAME ROLE   make a user moderator, operator or user; without words: list them
  cim report list      what users report to moderators; cim report close ID dismiss|resolve decides
  cim token NAME       make a token of another system's user (for routes with -auth jwt)
  cim invoke GET /     run the route as a function for one request, and show its answer
  cim version
`

// commands has the subcommands of cim. Without a subcommand, cim chats.
var commands = map[string]func(ctx context.Context, args []string, stderr io.Writer) error{
	"up":       runUp,
	"verify":   runVerify,
	"bench":    runBench,
	"ring":     showRing,
	"drain":    runDrain,
	"cluster":  runCluster,
	"server":   nodeserver.Run,
	"route":    routeserver.Run,
	"import":   runImport,
	"export":   runExport,
	"password": runPassword,
	"account":  runAccount,
	"role":     runRole,
	"report":   runReport,
	"token":    runToken,
	"invoke":   runInvoke,
	"version":  printVersion,
	"help":     printHelp,
}

func main() { os.Exit(process.Main("cim", dispatch)) }

func dispatch(ctx context.Context, args []string, stderr io.Writer) error {
	if len(args) == 0 {
		return printHelp(ctx, args, stderr)
	}
	if args[0] != "server" && args[0] != "route" { // at SIGHUP, servers and routes read their configuration again
		var stop context.CancelFunc
		ctx, stop = untilHangup(ctx)
		defer stop()
	}
	if run, ok := commands[args[0]]; ok {
		return run(ctx, args[1:], stderr)
	}
	if !strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("%w: there is no command %q; cim help lists them", process.ErrUsage, args[0])
	}
	return runChat(ctx, args, stderr)
}

// untilHangup returns a context that ends when ctx ends or at SIGHUP. A terminal sends
// SIGHUP when it is closed. A process that was started by nohup ignores SIGHUP, so its
// context does not end then.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

func printHelp(context.Context, []string, io.Writer) error {
	_, err := fmt.Print(usage)
	return err
}

func printVersion(context.Context, []string, io.Writer) error {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	_, err := fmt.Println("cim", version)
	return err
}
