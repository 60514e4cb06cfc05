package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
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
	if cfg.Registerer == nil {
		return s, nil
	}
	if err := cfg.Registerer.Register(s.unfetched); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("register metrics of the store: %w", err)
	}
	return s, nil
}

// newStore returns a Store that sends its operations by db, and closes db.
func newStore(cfg Config, db *op.DB) *Store {
	s := &Store{
		DB: db, Queue: queue.New(db),
		retention: cfg.Retention, limits: cfg.Limits, rules: cfg.Rules, devices: cfg.Devices, log: cfg.Logger,
		unfetched: newUnfetched(),
	}
	s.Accounts = accounts.New(db, inboxes{s})
	return s
}
