package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// auditor reads whole logs from a route, as any program with a token may do. It does not
// use the SDK, because the SDK hides a message that is in a log twice.
type auditor struct {
	http  *http.Client
	route string
	out   *ledger.Writer
	cim   map[int64]bool // users with a CIM client, which sends without ids

	mu   sync.Mutex
	read map[int64]bool // groups
}

// During an audit all users read their logs at once, so calls may fail. A failed call says
// nothing about the log and is repeated. After a while, a call that hangs is abandoned.
const (
	auditPatience = 20 * time.Second // how long one call is repeated
	auditPause    = 200 * time.Millisecond
	auditCall     = 10 * time.Second
)

// Audit records the contents of all inboxes and groups in the ledger. It reads each log
// with the token of a user who may read that log. Call Audit at the end, when nothing is
// written any more.
func (c *Crowd) Audit(ctx context.Context, routes []string) error {
	a := &auditor{
		http: c.http, route: routes[0], out: c.devices[0].ledger,
		cim: make(map[int64]bool), read: make(map[int64]bool),
	}
	for _, d := range c.cims {
		a.cim[d.user] = true
	}
	return together(ctx, len(c.devices), func(ctx context.Context, i int) error {
		d := c.devices[i]
		if d.device != "phone" {
			return nil
		}
		reader, _, err := d.current(ctx)
		if err != nil {
			return fmt.Errorf("audit logs of %v: %w", d, err)
		}
		return errors.Join(a.auditAs(ctx, reader), a.delayedOf(ctx, reader))
	})
}

// persist repeats a call until it succeeds, until auditPatience is over, or until ctx
// ends. It returns the last error.
func persist[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	for end := time.Now().Add(auditPatience); ; {
		limit, cancel := context.WithTimeout(ctx, auditCall)
		answer, err := call(limit)
		cancel()
		if err == nil || time.Now().After(end) || !retry.Sleep(ctx, auditPause) {
			return answer, err
		}
	}
}

func (a *auditor) auditAs(ctx context.Context, c *client.Client) error {
	groups, err := persist(ctx, c.Groups)
	if err != nil {
		return fmt.Errorf("audit logs of %d: %w", c.Self().User, err)
	}
	logs := []int64{proto.Inbox}
	for _, g := range append(groups, client.Group{Group: proto.Everyone}) {
		if a.take(g.Group) {
			logs = append(logs, g.Group)
		}
	}
	for _, log := range logs {
		if err := a.audit(ctx, c, log); err != nil {
			return fmt.Errorf("audit log %d of %d: %w", log, c.Self().User, err)
		}
	}
	return nil
}

// delayedOf records which delayed messages of a user still wait.
func (a *auditor) delayedOf(ctx context.Context, c *client.Client) error {
	list, err := persist(ctx, func(ctx context.Context) (list []client.Scheduled, err error) {
		for m, err := range c.Scheduled(ctx) {
			if err != nil {
				return nil, err
			}
			list = append(list, m)
		}
		return list, nil
	})
	if err != nil {
		return fmt.Errorf("audit delayed messages of %d: %w", c.Self().User, err)
	}
	for _, m := range list {
		if m.State == proto.StatePending || m.State == proto.StateFiring {
			a.out.Write(ledger.Record{Kind: ledger.Waits, User: c.Self().User, ID: m.ID})
		}
	}
	return nil
}

// take reports whether the group was not read yet, and marks it as read.
func (a *auditor) take(group int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := !a.read[group]
	a.read[group] = true
	return first
}

func (a *auditor) audit(ctx context.Context, c *client.Client, log int64) error {
	after := proto.Position{Log: log}
	for {
		page, err := a.page(ctx, c.Token(), after)
		if err != nil {
			return err
		}
		for _, m := range page.Messages {
			r := ledger.Record{
				Kind: ledger.Stands, User: c.Self().User, ID: m.ID, From: m.From, To: m.To, Group: m.Group,
				Change: changeOf(m.Kind), At: placeOf(m.At),
			}
			if a.cim[m.From] {
				r.Text = m.Text
			}
			a.out.Write(r)
		}
		if page.Through.Number <= after.Number || page.Through.Number >= page.Newest.Number {
			return nil
		}
		after = page.Through
	}
}

// page reads the page of a log that follows the place after.
func (a *auditor) page(ctx context.Context, token string, after proto.Position) (*proto.PulledMessages, error) {
	return persist(ctx, func(ctx context.Context) (*proto.PulledMessages, error) { return a.pull(ctx, token, after) })
}

func (a *auditor) pull(ctx context.Context, token string, after proto.Position) (*proto.PulledMessages, error) {
	body, err := json.Marshal(proto.PullMessages{After: after})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.route+proto.PathPull, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the route answered %s", answer.Status)
	}
	page := new(proto.PulledMessages)
	if err := json.NewDecoder(answer.Body).Decode(page); err != nil {
		return nil, fmt.Errorf("the answer of %s is cut off: %w", a.route, err)
	}
	return page, nil
}
