package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/erasure"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/record/memory"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/reports"
	"github.com/cim-go/cim/routefn/record/transfer"
)

// Dial connects to the store and checks it: see op.Dial. The caller closes the Store.
func Dial(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	db, err := op.Dial(ctx, cfg.db())
	if err != nil {
		return nil, err
	}
	s := newStore(cfg, db)
	if err := s.measure(cfg.Registerer); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// measure registers the Store's own metrics. If r is nil, there are none.
func (s *Store) measure(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	if err := s.memory.Register(r); err != nil {
		return err
	}
	if err := r.Register(s.unfetched); err != nil {
		return fmt.Errorf("register metrics of the store: %w", err)
	}
	return nil
}

// newStore returns a Store that sends its operations by db, and closes db.
func newStore(cfg Config, db *op.DB) *Store {
	s := &Store{
		DB: db, Queue: queue.New(db), ids: dedup.New(cfg.IDs), memory: memory.New(db.Topology), later: delayed.New(db), reports: reports.New(db),
		retention: cfg.Retention, limits: cfg.Limits, rules: cfg.Rules, devices: cfg.Devices, log: cfg.Logger,
		unfetched: newUnfetched(),
	}
	s.Accounts = accounts.New(db, inboxes{s})
	s.Contacts = contacts.New(db, inboxes{s}, cfg.Rules)
	s.Invites = invite.New(db, inboxes{s})
	s.Transfers = transfer.New(db, importing{s}, importing{s})
	s.Erasures = erasure.New(db, s.Accounts, s.Queue, remains{s}, cfg.Logger)
	return s
}
