package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/migrate"
)

// runExport is `cim export`. It writes the accounts, groups and messages of the store to
// the standard output, as JSON lines that cim import reads. With -user it writes only one
// account.
func runExport(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim export", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var store routeserver.Flags
	store.RegisterStore(fs)
	user := fs.String("user", "", "`name` of one account: write what the store has of it, and nothing of others; empty: write everything")
	credentials := fs.Bool("credentials", false, "write the hashes of passwords, too: keep the file secret")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	from, err := storeAt(ctx, &store)
	if err != nil {
		return err
	}
	defer from.Close()
	progress := &progress{out: stderr, begun: time.Now()}
	r, err := export(ctx, migrate.ExportConfig{Store: from, Credentials: *credentials, Progress: progress.show}, *user, os.Stdout)
	if err != nil {
		return interrupted(err)
	}
	fmt.Fprintf(stderr, "exported %d accounts, %d groups, %d members, %d messages in %.1f s\n",
		r.Accounts.New, r.Groups.New, r.Members.New, r.Messages.New, progress.seconds())
	return nil
}

// export writes the account with the given name, or everything if the name is empty.
func export(ctx context.Context, cfg migrate.ExportConfig, name string, w io.Writer) (migrate.Result, error) {
	if name == "" {
		return migrate.Export(ctx, cfg, w)
	}
	account, err := accountNamed(ctx, cfg.Store, name)
	if err != nil {
		return migrate.Result{}, err
	}
	return migrate.ExportUser(ctx, cfg, account.User, w)
}
