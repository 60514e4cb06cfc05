package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/migrate"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/cimsource"
)

const (
	// An import or an export first reports its progress after the time quietFor. Then it
	// reports once per time quietly.
	quietFor = 2 * time.Second
	quietly  = time.Second
)

// importing is the configuration of cim import.
type importing struct {
	store    routeserver.Flags
	from     string // URL of CIM's Redis
	password string // password of CIM's Redis
	file     string // file with JSON lines, or "-"; empty: CIM is the source
	dry      bool
	json     bool
}

// runImport is `cim import [FILE]`. It imports accounts and messages into the store, and
// reports what it left out. If it left something out, it returns process.ErrParts.
func runImport(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim import", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, "cim import [flags]         the accounts and waiting messages in the Redis of CIM's own, Java routes\n"+
			"cim import [flags] FILE    JSON lines; - is the standard input\n")
		fs.PrintDefaults()
	}
	var im importing
	im.store.RegisterStore(fs)
	fs.StringVar(&im.from, "from", "", "`URL` of CIM's Redis; empty: that of -redis, if both share one")
	fs.StringVar(&im.password, "from-password", "", "`password` of CIM's Redis (or file:PATH), in place of the one in its URL")
	fs.BoolVar(&im.dry, "dry-run", false, "print what would be done, and write nothing")
	fs.BoolVar(&im.json, "json", false, "print JSON: one line for each thing that was left out, and one for the result")
	fs.String("config", "", "`file` with one \"flag value\" per line; flags and environment variables win over it")
	im.file, args = takeFile(fs, args)
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	if im.file != "" && im.from != "" {
		return fmt.Errorf("%w: want a file or -from, not both", process.ErrUsage)
	}
	return interrupted(im.run(ctx, os.Stdout, stderr))
}

// takeFile removes the file from the arguments. The file is the first argument that is
// neither a flag nor the value of a flag.
func takeFile(fs *flag.FlagSet, args []string) (file string, rest []string) {
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		if !isFlag || name == "" {
			return args[i], slices.Delete(slices.Clone(args), i, i+1)
		}
		f := fs.Lookup(strings.TrimPrefix(name, "-"))
		if f == nil { // the value is in the same argument, or the flag is unknown
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			i++
		}
	}
	return "", args
}

// interrupted returns the error of an import or an export. If a signal cut it short, that
// is an error, too.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("it was interrupted; run it again to go on")
	}
	return err
}

func (im *importing) run(ctx context.Context, out, stderr io.Writer) error {
	to, err := im.store.StoreConfig()
	if err != nil {
		return err
	}
	store, err := record.Dial(ctx, to)
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	defer store.Close()
	printed := json.NewEncoder(out)
	printed.SetEscapeHTML(false)
	progress := &progress{out: stderr, begun: time.Now()}
	cfg := migrate.Config{
		Store: store, Dry: im.dry, MaxText: im.store.Text, KeepAge: time.Duration(im.store.Days) * 24 * time.Hour,
		KeepCount: int64(im.store.Count), Progress: progress.show,
		Left: func(l migrate.Left) {
			if im.json {
				_ = printed.Encode(map[string]migrate.Left{"left": l})
			} else {
				fmt.Fprintln(out, "left out:", l)
			}
		},
	}
	result, err := im.read(ctx, cfg, to)
	if im.json {
		_ = printed.Encode(map[string]any{"result": result, "dryRun": im.dry, "complete": err == nil, "seconds": progress.seconds()})
	} else {
		im.print(out, result, progress.seconds())
	}
	if err != nil {
		return err
	}
	if n := result.Lefts(); n > 0 {
		return fmt.Errorf("%w: %d left out", process.ErrParts, n)
	}
	return nil
}

// read reads the source and imports everything from it.
func (im *importing) read(ctx context.Context, cfg migrate.Config, to record.Config) (migrate.Result, error) {
	switch im.file {
	case "":
		return im.readCIM(ctx, cfg, to)
	case "-":
		return migrate.FromLines(ctx, cfg, os.Stdin)
	}
	f, err := os.Open(im.file)
	if err != nil {
		return migrate.Result{}, err
	}
	defer f.Close()
	// A regular file can be read twice. It is first read to check it as a whole, so that
	// a mistake is reported before anything is written.
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := format.Check(f); err != nil {
			return migrate.Result{}, fmt.Errorf("%s: %w; nothing was imported", im.file, err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return migrate.Result{}, err
		}
	}
	return migrate.FromLines(ctx, cfg, f)
}

func (im *importing) readCIM(ctx context.Context, cfg migrate.Config, to record.Config) (migrate.Result, error) {
	url, password := to.URL, to.Password
	if im.from != "" {
		secret, err := process.Secret("from-password", im.password)
		if err != nil {
			return migrate.Result{}, err
		}
		url, password = im.from, string(secret)
	}
	source, err := cimsource.Dial(ctx, url, password)
	if err != nil {
		return migrate.Result{}, fmt.Errorf("-from: %w", err)
	}
	defer source.Close()
	return migrate.FromCIM(ctx, cfg, source)
}

func (im *importing) print(out io.Writer, r migrate.Result, seconds float64) {
	verb := "imported"
	if im.dry {
		verb = "to import"
	}
	for _, c := range []struct {
		what  string
		count migrate.Count
	}{{"accounts", r.Accounts}, {"groups", r.Groups}, {"members", r.Members}, {"messages", r.Messages}} {
		fmt.Fprintf(out, "%-9s %d %s, %d there already, %d left out\n", c.what, c.count.New, verb, c.count.Had, c.count.Left)
	}
	if c := r.Details; c != (migrate.Count{}) {
		fmt.Fprintf(out, "cursors   %d %s, %d there already; %d roles and other lines left out\n", c.New, verb, c.Had, c.Left)
	}
	if r.Passwords > 0 {
		fmt.Fprintf(out, "%d accounts that had no password have got one\n", r.Passwords)
	}
	if r.Locked > 0 {
		fmt.Fprintf(out, "%d accounts have no password: with -auth password nobody can log in to them until they get one by an import\n", r.Locked)
	}
	if r.Long > 0 {
		fmt.Fprintf(out, "%d logs have more than -keep-count messages: the oldest are about to be dropped\n", r.Long)
	}
	fmt.Fprintf(out, "%.1f s\n", seconds)
}

// progress reports from time to time how far an import or an export has come.
type progress struct {
	out   io.Writer
	begun time.Time
	shown time.Time
}

func (p *progress) seconds() float64 { return time.Since(p.begun).Seconds() }

func (p *progress) show(r migrate.Result) {
	now := time.Now()
	if now.Sub(p.begun) < quietFor || now.Sub(p.shown) < quietly {
		return
	}
	p.shown = now
	fmt.Fprintf(p.out, "%6.1f s  %d accounts, %d groups, %d members, %d messages; %d left out\n", p.seconds(),
		r.Accounts.New+r.Accounts.Had, r.Groups.New+r.Groups.Had, r.Members.New+r.Members.Had, r.Messages.New+r.Messages.Had, r.Lefts())
}
