package program

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

// How often the routes are asked for the keys of tickets: soon until the first
// answer, then often enough that a change of the route key, with both keys told
// for a while, is learnt in time.
const (
	keysFirst = 250 * time.Millisecond
	keysEvery = 30 * time.Second
)

// keepKeys keeps the verifier's keys until ctx ends. Nodes are told the public
// half only.
func (s *server) keepKeys(ctx context.Context) error {
	if s.route != nil {
		s.verifier.Set(s.route.Route().Direct().TicketKeys()...)
		return nil
	}
	client := &http.Client{Timeout: 3 * time.Second}
	told := false
	for {
		keys, err := s.fetchKeys(ctx, client)
		wait := keysEvery
		switch {
		case err == nil:
			s.verifier.Set(keys...)
			told = false
		case ctx.Err() != nil:
			return nil
		default:
			if !told {
				s.log.Warn("no route tells the key of tickets", "err", err)
				told = true
			}
			if !s.verifier.Ready() {
				wait = keysFirst
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// fetchKeys asks one route after another.
func (s *server) fetchKeys(ctx context.Context, client *http.Client) ([]ed25519.PublicKey, error) {
	var failures error
	for _, base := range s.flags.routes {
		keys, err := s.keysOf(ctx, client, base)
		if err == nil {
			return keys, nil
		}
		failures = errors.Join(failures, err)
	}
	return nil, failures
}

func (s *server) keysOf(ctx context.Context, client *http.Client, base string) ([]ed25519.PublicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+proto.PathNodeKeys, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+config.ServiceToken(s.secret))
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", base, answer.Status)
	}
	var body proto.KeysAnswer
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4096)).Decode(&body); err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", base, err)
	}
	keys := make([]ed25519.PublicKey, 0, len(body.Tickets))
	for _, key := range body.Tickets {
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%s tells a key of %d bytes", base, len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s tells no key", base)
	}
	return keys, nil
}
