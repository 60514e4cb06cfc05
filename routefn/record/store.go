package record

import (
	"context"
	"log/slog"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/erasure"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/memory"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/recent"
	"github.com/cim-go/cim/routefn/record/reports"
	"github.com/cim-go/cim/routefn/record/transfer"
	"github.com/cim-go/cim/routefn/record/watch"
	"github.com/cim-go/cim/routefn/role"
)

// Store stores all data of routes in Redis. It is safe for concurrent use. Its calls
// block and fail like those of its DB.
type Store struct {
	*op.DB
	*queue.Queue
	*accounts.Accounts
	*contacts.Contacts
	*invite.Invites
	*transfer.Transfers
	*erasure.Erasures

	ids       *dedup.Index
	memory    *memory.Meter
	later     *delayed.Messages
	reports   *reports.Reports
	retention Retention
	limits    limit.Limits
	rules     role.Rules
	devices   int // the largest number of devices of one user
	log       *slog.Logger
	unfetched unfetched

	// inboxes has the users whose inboxes are known to exist, and the contents of the last
	// answers about these inboxes. If the receiver is among the users, both copies of a
	// message may be sent in one round trip. If the store has lost the inbox since, the
	// sender's copy may be stored before the receiver's. Nothing worse happens.
	inboxes recent.Cache[int64, occupancy]
	// refused has pairs of a sender and a user whose inbox refused the sender's message.
	// For such a pair, the sender's own copy of a message is stored after the receiver's
	// copy. See guard.go.
	refused recent.Cache[pair, struct{}]
	// budgets has the budgets of senders, as far as this Store knows them: see rate.go.
	budgets recent.Cache[int64, budget]
	// pairs has pairs of a sender and a user to whom the sender wrote. newcomers has the
	// senders' budgets of new receivers. See meet.go.
	pairs     recent.Cache[pair, struct{}]
	newcomers recent.Cache[int64, int64]
	// noPulls has the times until which the pulls of users are refused, in ms.
	noPulls recent.Cache[int64, int64]
	// starts has the positions at which users begin in everyone's log. These never change
	// (start.go).
	starts recent.Cache[int64, proto.Position]
	// replicated has a position for each log. As many replicas as Config.Replicas says are
	// known to have the log up to there.
	replicated recent.Cache[logref.Ref, proto.Position]
}

// Filled returns how much of its maxmemory the fullest master uses, from 0 to 1 (see
// memory.Meter). The only error is ErrUnavailable.
func (s *Store) Filled(ctx context.Context) (float64, error) { return s.memory.Filled(ctx) }

// Reports returns the messages that users have reported to moderators.
func (s *Store) Reports() *reports.Reports { return s.reports }

// Watch returns a Watch of the store. Call its method Look. If keyed is set, Look also
// reads and restores the route key, which the store keeps in the clear.
func (s *Store) Watch(keyed bool) *Watch { return watch.New(s.DB, keyed) }

// SealedWatch returns a Watch that keeps the route key encrypted (see watch.Sealed).
func (s *Store) SealedWatch(seal *keyseal.Seal, stay bool) *Watch {
	return watch.Sealed(s.DB, seal, stay, s.log)
}

// occupancy is what an answer of the store says about an inbox.
type occupancy struct {
	waiting int64 // how many messages wait at most; the owner's own messages after the first waiting one count, too
	length  int64 // of the list
	guarded bool  // its owner does not take messages from everybody, see guard.go
}

// pair is a sender with one receiver.
type pair struct{ from, to int64 }
