package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/record"
)

// runAccount is `cim account delete NAME`, with which an operator deletes an account for
// good. It needs access to the store, which only routes and operators have. In a
// terminal, the operator must type the name once more.
func runAccount(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim account", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var at routeserver.Flags
	at.RegisterStore(fs)
	yes := fs.Bool("yes", false, "do not ask for the name once more")
	words, err := process.ParseWords(fs, "delete NAME", args)
	if err != nil {
		return err
	}
	if len(words) != 2 || words[0] != "delete" {
		return fmt.Errorf("%w: want cim account delete NAME", process.ErrUsage)
	}
	store, err := storeAt(ctx, &at)
	if err != nil {
		return err
	}
	defer store.Close()
	account, err := accountNamed(ctx, store, words[1])
	if err != nil {
		return err
	}
	if !*yes {
		if err := confirmName(os.Stdin, account.Name); err != nil {
			return err
		}
	}
	return deleteAccount(ctx, store, account, os.Stdout)
}

// confirmName reads a line, and returns an error if the line is not the name.
func confirmName(in *os.File, name string) error {
	if !term.IsTerminal(int(in.Fd())) {
		return fmt.Errorf("%w: nobody can be asked here: add -yes to delete %s for good", process.ErrUsage, name)
	}
	fmt.Fprintf(os.Stderr, "Type %s to delete the account for good: ", chat.CleanLine(name))
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the name: %w", err)
	}
	if strings.TrimRight(line, "\r\n") != name {
		return errors.New("that is another name, nothing was deleted")
	}
	return nil
}

func deleteAccount(ctx context.Context, store *record.Store, account record.Account, out io.Writer) error {
	live, err := store.EraseAccount(ctx, account.User)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s (%d) is deleted. All tokens are void. %d connections close within half a minute.\n"+
		"The routes remove the rest within a minute, if a node runs. Then the name is free.\n",
		chat.CleanLine(account.Name), account.User, len(live))
	return nil
}
