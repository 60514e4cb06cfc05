package nodeserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

// keysAgain is the pause between two rounds. In a round, the node calls all routes for
// the keys with which it verifies tickets. The rounds end when one route has answered.
const keysAgain = 250 * time.Millisecond

// fetchFirstKeys fetches the public keys of tickets from the routes, and returns when
// the verifier has them. The node learns of later changes by itself.
func (s *server) fetchFirstKeys(ctx context.Context) error {
	if s.route != nil {
		s.verifier.Set(s.route.Route().Direct().TicketKeys()...)
		return nil
	}
	client := s.keysClient()
	for !s.verifier.Ready() {
		err := s.fetchKeys(ctx, client)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		s.keysMissing.Store(&err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(keysAgain):
		}
	}
	return nil
}

func (s *server) keysClient() *http.Client {
	return &http.Client{Timeout: 3 * time.Second, CheckRedirect: routes.Stay, Transport: s.routeTLS.Transport(&http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
	})}
}

// fetchKeys fetches the keys from one route after another until one answers.
func (s *server) fetchKeys(ctx context.Context, client *http.Client) error {
	var failures error
	for _, base := range s.flags.routes {
		keys, err := s.keysOf(ctx, client, base)
		if err == nil {
			err = s.verifier.Learn(keys, time.Now())
		}
		if err == nil {
			return nil
		}
		failures = errors.Join(failures, fmt.Errorf("ask %s for keys: %w", base, err))
	}
	return failures
}

func (s *server) keysOf(ctx context.Context, client *http.Client, base string) ([][]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+proto.PathNodeKeys, nil)
	if err != nil {
		return nil, err
	}
	if s.certs != nil {
		s.certs.Prove(request.Header, base, "", http.MethodGet, proto.PathNodeKeys, nil)
	}
	if show, _ := s.keys.ServiceTokens(); s.certs == nil || s.flags.certs.AcceptToken {
		request.Header.Set("Authorization", "Bearer "+show)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		if s.certs != nil {
			s.certs.Learn(base, answer.Header) // for the next round
		}
		return nil, errors.New(cmp.Or(routes.Moved(answer), answer.Status))
	}
	var body proto.KeysAnswer
	err = json.NewDecoder(io.LimitReader(answer.Body, 4096)).Decode(&body)
	return body.Tickets, err
}
