package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/up"
	"github.com/cim-go/cim/client/cim/verify/crowd"
	"github.com/cim-go/cim/client/cim/verify/ledger"
	"github.com/cim-go/cim/routefn/record"
)

// stateTime is how long the store may take to tell all sessions.
const stateTime = 20 * time.Second

// noteSessions writes down which sessions the store has, as routes would read them.
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
