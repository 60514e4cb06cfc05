package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/moderation"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/reports"
)

// reportsPage is how many reports one call reads.
const reportsPage = 50

const reportUsage = "list, or close ID dismiss|resolve [NOTE]"

// runReport is `cim report list` and `cim report close ID DECISION`. With these commands
// an operator of the programs reads the reports of users, and decides about them. The
// commands need access to the store, which nodes do not have. They need no role.
func runReport(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim report", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var at routeserver.Flags
	at.RegisterStore(fs)
	words, err := process.ParseWords(fs, reportUsage, args)
	if err != nil {
		return err
	}
	list := len(words) == 1 && words[0] == "list"
	if !list && (len(words) < 3 || words[0] != "close") {
		return fmt.Errorf("%w: want cim report %s", process.ErrUsage, reportUsage)
	}
	var decision reports.Decision
	if !list {
		decision = reports.Decision{Report: words[1], Word: words[2], Note: strings.Join(words[3:], " ")}
		if err := moderation.CheckDecision(proto.CloseReport{ID: decision.Report, Decision: decision.Word, Note: decision.Note}); err != nil {
			return fmt.Errorf("%w: %w", process.ErrUsage, err)
		}
	}
	store, err := storeAt(ctx, &at)
	if err != nil {
		return err
	}
	defer store.Close()
	if list {
		return listReports(ctx, store, os.Stdout)
	}
	if _, err := store.Reports().Decide(ctx, decision); err != nil {
		return err
	}
	_, err = fmt.Println("The report is closed.")
	return err
}

func listReports(ctx context.Context, store *record.Store, out io.Writer) error {
	some := false
	for after := int64(0); ; {
		list, next, _, err := store.Reports().List(ctx, after, reportsPage)
		if err != nil {
			return err
		}
		for _, one := range list {
			some = true
			fmt.Fprintln(out, chat.ReportText(moderation.Shown(one), time.Local))
		}
		if after = next; next == 0 {
			break
		}
	}
	if !some {
		fmt.Fprintln(out, "There is no open report.")
	}
	return nil
}
