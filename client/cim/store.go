package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/record"
)

// storeAt connects to the store that the flags name. The caller must close the returned
// Store.
func storeAt(ctx context.Context, at *routeserver.Flags) (*record.Store, error) {
	cfg, err := at.StoreConfig()
	if err != nil {
		return nil, err
	}
	store, err := record.Dial(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	return store, nil
}

// accountNamed returns the account with the name. If there is none, the error says so.
func accountNamed(ctx context.Context, store *record.Store, name string) (record.Account, error) {
	account, err := store.AccountByName(ctx, name)
	if errors.Is(err, record.ErrNoUser) {
		return record.Account{}, fmt.Errorf("there is no account %q", name)
	}
	return account, err
}
