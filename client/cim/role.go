package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// runRole is `cim role [NAME ROLE]`. With this command an operator of the programs gives a
// user a role in the system, or lists the users with higher roles. The command needs
// access to the store. It needs no role, so it can appoint the first operator.
func runRole(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim role", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var at routeserver.Flags
	at.RegisterStore(fs)
	words, err := process.ParseWords(fs, "[NAME ROLE]", args)
	if err != nil {
		return err
	}
	var next role.System
	if len(words) > 0 {
		known := false
		if len(words) == 2 {
			next, known = role.ParseSystem(words[1])
		}
		if !known {
			return fmt.Errorf("%w: want cim role, or cim role NAME user|moderator|operator", process.ErrUsage)
		}
	}
	store, err := storeAt(ctx, &at)
	if err != nil {
		return err
	}
	defer store.Close()
	if len(words) == 0 {
		return listOfficers(ctx, store, os.Stdout)
	}
	return setRole(ctx, store, words[0], next, os.Stdout)
}

func setRole(ctx context.Context, store *record.Store, name string, next role.System, out io.Writer) error {
	account, err := accountNamed(ctx, store, name)
	if err == nil {
		err = store.SetSystemRole(ctx, account.User, next)
	}
	if err == nil {
		fmt.Fprintf(out, "%s (%d) is %s.\n", chat.CleanLine(account.Name), account.User, next)
	}
	return err
}

func listOfficers(ctx context.Context, store *record.Store, out io.Writer) error {
	officers, err := store.Officers(ctx)
	if err != nil {
		return err
	}
	users := make([]int64, len(officers))
	for i, o := range officers {
		users[i] = o.User
	}
	accounts, errs := store.AccountsByID(ctx, users)
	for i, o := range officers {
		name := accounts[i].Name
		switch {
		case errors.Is(errs[i], record.ErrNoUser):
			name = "(no account)"
		case errs[i] != nil:
			return errs[i]
		}
		fmt.Fprintf(out, "%-9s  %d  %s\n", o.Role, o.User, chat.CleanLine(name))
	}
	if len(officers) == 0 {
		fmt.Fprintln(out, "There is no moderator and no operator. cim role NAME operator names one.")
	}
	return nil
}
