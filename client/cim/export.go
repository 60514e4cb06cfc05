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
	"github.com/cim-go/cim/routefn/record"
)

// runExport is `cim export`: it writes the accounts, groups and messages of the store to
// the standard output, as JSON lines that cim import reads.
func runExport(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim export", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var store routeserver.Flags
	store.RegisterStore(fs)
	credentials := fs.Bool("credentials", false, "write the hashes of passwords, too: keep the file secret")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	cfg, err := store.StoreConfig()
	if err != nil {
		return err
	}
	from, err := record.Dial(ctx, cfg)
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	defer from.Close()
	progress := &progress{out: stderr, begun: time.Now()}
	r, err := migrate.Export(ctx, migrate.ExportConfig{Store: from, Credentials: *credentials, Progress: progress.show}, os.Stdout)
	if err != nil {
		return interrupted(err)
	}
	fmt.Fprintf(stderr, "exported %d accounts, %d groups, %d members, %d messages in %.1f s\n",
		r.Accounts.New, r.Groups.New, r.Members.New, r.Messages.New, progress.seconds())
	return nil
}
