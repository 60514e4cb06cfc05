package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify/crowd"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/routefn/record"
)

// stateTime is how long the store may take to return its state.
const stateTime = 20 * time.Second

// noteSessions records which sessions the store has. It reads them in the same way as
// routes.
func noteSessions(ctx context.Context, cluster *up.Cluster, people *crowd.Crowd, book *ledger.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	store, err := record.Dial(ctx, record.Config{URL: cluster.Store(), AllowEmbedded: true})
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	defer store.Close()
	users := people.Users()
	sessions, err := store.SessionsOf(ctx, users)
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	for i, user := range users {
		for _, s := range sessions[i] {
			book.Write(ledger.Record{Kind: ledger.Session, User: user, Device: s.Device, Node: s.Node})
		}
	}
	return nil
}

// noteState records the rest of the store's state, read directly from its keys. These are
// the cursors and unfinished changes of users, and the leases of groups.
func noteState(ctx context.Context, cluster *up.Cluster, book *ledger.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	servers, err := cluster.Primaries(ctx)
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	for _, s := range servers {
		users, _, err := s.Hashes(ctx, "cim:{[0-9]*}:h")
		if err != nil {
			return err
		}
		for key, fields := range users {
			noteUser(idIn(key, "cim:{", "}:h"), fields, book)
		}
		groups, clock, err := s.Hashes(ctx, "cim:{g[0-9]*}:n")
		if err != nil {
			return err
		}
		for key, fields := range groups {
			noteLeases(idIn(key, "cim:{g", "}:n"), fields, clock, book)
		}
	}
	return nil
}

func idIn(key, before, behind string) int64 {
	id, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(key, before), behind), 10, 64) // the pattern matches only keys of this form
	return id
}

func noteUser(user int64, fields map[string]string, book *ledger.Writer) {
	for name, value := range fields {
		device, cursors := strings.CutPrefix(name, "cur:")
		if !cursors && name != "intents" {
			continue
		}
		for line := range strings.Lines(value) {
			column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			id, err := strconv.ParseInt(column[0], 10, 64)
			switch {
			case err != nil || len(column) < 3:
			case cursors && device != "":
				number, _ := strconv.ParseInt(column[2], 10, 64)
				book.Write(ledger.Record{Kind: ledger.Cursor, User: user, Device: device, At: &ledger.Place{Log: id, Epoch: column[1], Number: number}})
			case !cursors:
				book.Write(ledger.Record{Kind: ledger.Intent, User: user, Group: id, Change: column[1]})
			}
		}
	}
}

func noteLeases(group int64, fields map[string]string, clock time.Time, book *ledger.Writer) {
	for node, value := range fields {
		column := strings.Split(value, "\t")
		if node == "" || len(column) != 3 {
			continue // this field is no lease; it only keeps the key from vanishing
		}
		end, _ := strconv.ParseInt(column[2], 10, 64)
		book.Write(ledger.Record{Kind: ledger.Leased, Group: group, Node: node, Lasted: time.UnixMilli(end).Sub(clock).Microseconds()})
	}
}
