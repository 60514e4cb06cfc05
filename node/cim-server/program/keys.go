package program

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

// How often the routes are asked for the keys of tickets.
const (
	keysFirst = 250 * time.Millisecond // until the first answer
	keysRetry = 30 * time.Second       // when none answers
	// keysEvery is how long a key is good that the routes have no more. It is not
	// often, because behind a function every question is an invocation.
	keysEvery = 10 * time.Minute
	// keysSoonest is how soon they are asked because of a ticket that no key fits:
	// strangers bring such, too.
	keysSoonest = 10 * time.Second
)

// keepKeys keeps the verifier's keys until ctx ends. Nodes are told the public
// half only.
func (s *server) keepKeys(ctx context.Context) error {
	if s.route != nil {
		s.verifier.Set(s.route.Route().Direct().TicketKeys()...)
		return nil
	}
	client := &http.Client{Timeout: 3 * time.Second}
	k := keyKeeper{verifier: s.verifier, log: s.log, fetch: func(ctx context.Context) ([]ed25519.PublicKey, error) {
		return s.fetchKeys(ctx, client)
	}}
	k.run(ctx)
	return nil
}

// A keyKeeper keeps a verifier's keys as the routes tell them.
type keyKeeper struct {
	verifier *token.Verifier
	fetch    func(context.Context) ([]ed25519.PublicKey, error)
	log      *slog.Logger
	told     bool // the log knows that no route answers
}

// run asks until ctx ends: now and then, and when there was a ticket that the keys
// do not fit.
func (k *keyKeeper) run(ctx context.Context) {
	for {
		wait := k.ask(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(wait, keysSoonest)):
		}
		select {
		case <-ctx.Done():
			return
		case <-k.verifier.Unknown():
		case <-time.After(wait - min(wait, keysSoonest)):
		}
	}
}

// ask asks once and returns when to do so again.
func (k *keyKeeper) ask(ctx context.Context) time.Duration {
	keys, err := k.fetch(ctx)
	if err == nil {
		k.verifier.Set(keys...)
		k.told = false
		return keysEvery
	}
	if !k.told && ctx.Err() == nil {
		k.log.Warn("no route tells the key of tickets", "err", err)
		k.told = true
	}
	if !k.verifier.Ready() {
		return keysFirst
	}
	return keysRetry
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
